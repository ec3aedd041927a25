//! `oom-score-adj`: how willingly the kernel ends this process when memory runs out.

use crate::config::OomScore;
use crate::config::load::reason;
use parking_lot::Mutex;

/// Where Linux keeps it. Elsewhere there is none.
const FILE: &str = "/proc/self/oom_score_adj";
/// What Linux takes.
const SCORE_MAX: i64 = 1000;

/// What the process had before it was changed, while it is changed.
#[derive(Default)]
pub struct Before(Mutex<Option<i64>>);

impl Before {
    /// Sets what is wanted, or what was there before.
    ///
    /// # Errors
    /// For the log: what the system says. Then all is as it was.
    pub fn follow(&self, wanted: OomScore) -> Result<(), String> {
        let mut before = self.0.lock();
        let base = match (*before, wanted) {
            (None, OomScore::Untouched) => return Ok(()),
            (Some(base), _) => base,
            (None, _) => read()?,
        };
        let score = match wanted {
            OomScore::Untouched => base,
            OomScore::Relative(score) => base + score,
            OomScore::Absolute(score) => score,
        };
        let text = score.clamp(-SCORE_MAX, SCORE_MAX).to_string();
        std::fs::write(FILE, text).map_err(|error| format!("Unable to write {FILE}: {}", reason(&error)))?;
        *before = (wanted != OomScore::Untouched).then_some(base);
        Ok(())
    }
}

fn read() -> Result<i64, String> {
    let text = std::fs::read_to_string(FILE);
    let text = text.map_err(|error| format!("Unable to read {FILE}: {}", reason(&error)))?;
    text.trim().parse().map_err(|_| format!("{FILE} holds no number"))
}
