//! The configuration that the server runs with, and how a change of it takes effect.
//!
//! Readers take a snapshot; what the request path reads is in [`super::hot`]. Changes are made one at a time, and each
//! as a whole: first everything is checked, then applied, then seen. Knows nothing of what applying means: `server`
//! plugs that in.

use crate::config::rewrite::{self, Extent};
use crate::config::settings::SettingId;
use crate::config::{Config, ConfigError};
use arc_swap::{ArcSwap, Guard};
use parking_lot::{Mutex, MutexGuard};
use std::io;
use std::sync::{Arc, OnceLock};

/// Makes the running server follow a changed configuration.
pub trait Apply: Send + Sync {
    /// Called with the settings that differ. May take as long as opening a socket or a file does.
    ///
    /// # Errors
    /// What could not be applied, as `CONFIG SET` says it. Then everything is as it was before.
    fn apply(&self, before: &Config, after: &Config, changed: &[SettingId]) -> Result<(), ConfigError>;
}

/// Settings whose change may take seconds: writing all data anew, or waiting for a disk that is busy with the log.
const SLOW: &[&str] = &[
    "appendonly",
    "appendfsync",
    "aof-load-truncated",
    "auto-aof-rewrite-percentage",
    "auto-aof-rewrite-min-size",
];

/// Whether a change of this setting may take longer than a worker can wait.
pub fn takes_long(name: &[u8]) -> bool {
    SLOW.iter().any(|slow| name.eq_ignore_ascii_case(slow.as_bytes()))
}

/// The present configuration.
pub struct Settings {
    current: ArcSwap<Config>,
    changing: Mutex<()>,
    /// Held while the file is read, made anew and replaced.
    saving: Mutex<()>,
    apply: OnceLock<Box<dyn Apply>>,
}

impl Settings {
    pub fn new(config: Config) -> Self {
        Settings {
            current: ArcSwap::from_pointee(config),
            changing: Mutex::default(),
            saving: Mutex::default(),
            apply: OnceLock::new(),
        }
    }

    /// What changes go to from now on. Only the first call counts.
    pub fn plug_in(&self, apply: Box<dyn Apply>) {
        if self.apply.set(apply).is_err() {
            tracing::warn!("changes of the configuration are already taken care of");
        }
    }

    /// The configuration as it is now.
    pub fn snapshot(&self) -> Guard<Arc<Config>> {
        self.current.load()
    }

    /// CONFIG SET. `may_change_protected` says whether this client may change protected settings. Waits for the changes
    /// that others make.
    ///
    /// # Errors
    /// In Redis' words; then nothing has changed.
    pub fn change(&self, pairs: &[(&[u8], &[u8])], may_change_protected: bool) -> Result<(), ConfigError> {
        let one_at_a_time = self.changing.lock();
        self.change_held(pairs, may_change_protected, one_at_a_time)
    }

    /// As [`Settings::change`], for those who can't wait: `None` while somebody else makes a change.
    pub fn try_change(
        &self,
        pairs: &[(&[u8], &[u8])],
        may_change_protected: bool,
    ) -> Option<Result<(), ConfigError>> {
        let one_at_a_time = self.changing.try_lock()?;
        Some(self.change_held(pairs, may_change_protected, one_at_a_time))
    }

    fn change_held(
        &self,
        pairs: &[(&[u8], &[u8])],
        may_change_protected: bool,
        _one_at_a_time: MutexGuard<'_, ()>,
    ) -> Result<(), ConfigError> {
        let before = self.current.load_full();
        let (after, _) = before.set_all(pairs, may_change_protected)?;
        let changed = after.changed_since(&before);
        if let Some(apply) = self.apply.get().filter(|_| !changed.is_empty()) {
            apply.apply(&before, &after, &changed)?;
        }
        self.current.store(Arc::new(after));
        Ok(())
    }

    /// CONFIG REWRITE, with the lines of the users as they are then; one at a time: two would each begin with what the other is about to replace. `None` if the
    /// server was started without a file.
    pub fn save(&self, users: impl FnOnce() -> Vec<Vec<u8>>, extent: Extent) -> Option<io::Result<()>> {
        let _one_at_a_time = self.saving.lock();
        // Read under the lock: an older configuration must not be written last.
        let config = self.current.load();
        config.file.as_deref().map(|file| rewrite::save(file, &config, &users(), extent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Machine;

    /// Notes what it is asked for, and refuses a certain port.
    struct Noting(Arc<Mutex<Vec<&'static str>>>);

    impl Apply for Noting {
        fn apply(&self, _: &Config, after: &Config, changed: &[SettingId]) -> Result<(), ConfigError> {
            if after.port() == 13 {
                return Err(ConfigError::failed("port", "taken"));
            }
            self.0.lock().extend(changed.iter().map(|id| id.setting().name));
            Ok(())
        }
    }

    #[test]
    fn changes_are_seen_once_they_are_applied() {
        let settings = Settings::new(Config::new(&Machine { cores: 1, directory: "/".into() }));
        let noted = Arc::new(Mutex::new(Vec::new()));
        settings.plug_in(Box::new(Noting(Arc::clone(&noted))));
        let change = |name: &str, value: &str| settings.change(&[(name.as_bytes(), value.as_bytes())], false);

        assert_eq!(change("port", "12"), Ok(()));
        assert_eq!(change("timeout", "0"), Ok(()));
        assert_eq!(*noted.lock(), ["port"]);
        let error = change("port", "13").expect_err("it is taken").to_string();
        assert_eq!(error, "CONFIG SET failed (possibly related to argument 'port') - taken");
        assert_eq!(settings.snapshot().port(), 12);
    }

    #[test]
    fn a_file_that_many_rewrite_is_whole_at_all_times() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("dunlin.conf");
        let text = "# by hand\n".repeat(300);
        std::fs::write(&file, &text).expect("a file can be written");
        let mut config = Config::new(&Machine { cores: 1, directory: "/".into() });
        config.file = Some(file.clone());
        let settings = Settings::new(config);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        settings
                            .save(Vec::new, Extent::Changed)
                            .expect("there is a file")
                            .expect("it can be saved");
                        let found = std::fs::read_to_string(&file).expect("it is there");
                        assert!(found.starts_with(&text), "{} of {} bytes", found.len(), text.len());
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(directory.path()).expect("it is there").count(), 1);
    }
}
