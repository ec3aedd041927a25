//! The process towards its system: going into the background, the pid file, telling a supervisor.
//!
//! Nothing forks: a process with threads must not, and ours may have some before the configuration is read. To go
//! into the background the program starts itself again, as a session of its own, and the first one ends.

use crate::config::load::reason;
use crate::config::{Config, Supervision};
use sd_notify::NotifyState;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set for the program that was started into the background. Not a setting, so its name must not look like one.
const DETACHED: &str = "_DUNLIN_DETACHED";

/// Where Redis would have put it: used with `daemonize yes` and no `pidfile`.
const DEFAULT_PID_FILE: &str = "/var/run/dunlin.pid";

/// What the program in the background says on standard error once clients may come.
const READY: &str = "_DUNLIN_READY";

/// Starts this program again, in the background, and returns when it is ready. `stdin` is what was read from standard
/// input, for the other to read as well. What the other has to say until then is passed on to standard error.
///
/// # Errors
/// When it can't be started, or ends before it is ready.
pub fn start_in_background(arguments: &[OsString], stdin: &[u8]) -> Result<(), String> {
    let cannot = |error: io::Error| format!("Can't start in the background: {error}");
    let mut child = Command::new(std::env::current_exe().map_err(cannot)?)
        .args(arguments)
        .env(DETACHED, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(stdin).map_err(cannot)?;
    }
    let Some(said) = child.stderr.take() else { return Ok(()) };
    for line in BufReader::new(said).split(b'\n') {
        let line = line.map_err(cannot)?;
        if line == READY.as_bytes() {
            return Ok(());
        }
        say(&String::from_utf8_lossy(&line));
    }
    Err("The server in the background ended before it was ready".into())
}

/// Is this the program that [`start_in_background`] started?
pub fn is_in_background() -> bool {
    std::env::var_os(DETACHED).is_some()
}

/// Lets the program that started this one go. From then on nobody reads standard error.
pub fn tell_starter() {
    if is_in_background() {
        say(READY);
    }
}

/// A line on standard error, which may be gone.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Leaves the terminal's session, so that closing the terminal does not end the server.
///
/// # Errors
/// The system's; only a process that leads a group already can't.
pub fn leave_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// The file that holds the process id. It goes when this is dropped.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the file that the configuration asks for, if any.
    ///
    /// # Errors
    /// The system's, with the path. Redis goes on without the file; callers warn and do the same.
    pub fn write(config: &Config) -> Result<Option<PidFile>, String> {
        let path = match config.pid_file() {
            Some(path) => path,
            None if is_in_background() => PathBuf::from(DEFAULT_PID_FILE),
            None => return Ok(None),
        };
        // A later change of directory must not hide it.
        let path = std::path::absolute(&path).unwrap_or(path);
        std::fs::write(&path, format!("{}\n", std::process::id()))
            .map_err(|error| format!("Failed to write PID file {}: {}", path.display(), reason(&error)))?;
        Ok(Some(PidFile { path }))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path); // Somebody may have tidied up before us.
    }
}

/// Who started this process and waits to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervisor {
    None,
    Systemd,
    Upstart,
}

impl Supervisor {
    /// Finds the supervisor that the configuration asks for and that shows in the environment.
    pub fn detect(asked: Supervision, environment: impl Fn(&str) -> Option<OsString>) -> Supervisor {
        let systemd = environment("NOTIFY_SOCKET").is_some_and(|value| !value.is_empty());
        let upstart = environment("UPSTART_JOB").is_some_and(|value| !value.is_empty());
        match asked {
            Supervision::Systemd if systemd => Supervisor::Systemd,
            Supervision::Upstart if upstart => Supervisor::Upstart,
            Supervision::Auto if upstart => Supervisor::Upstart,
            Supervision::Auto if systemd => Supervisor::Systemd,
            Supervision::Systemd => {
                tracing::warn!("systemd supervision requested, but NOTIFY_SOCKET not found!");
                Supervisor::None
            }
            Supervision::Upstart => {
                tracing::warn!("upstart supervision requested, but UPSTART_JOB not found!");
                Supervisor::None
            }
            Supervision::Auto | Supervision::No => Supervisor::None,
        }
    }

    /// Says that the server can be used. For upstart the process stops until upstart lets it go on.
    pub fn ready(self) {
        match self {
            Supervisor::None => {}
            Supervisor::Systemd => {
                notify(&[NotifyState::Status("Ready to accept connections"), NotifyState::Ready]);
            }
            Supervisor::Upstart => {
                tracing::info!("supervised by upstart, will stop to signal readiness.");
                let stopped =
                    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
                if let Err(error) = stopped {
                    tracing::warn!("could not signal readiness to upstart: {error}");
                }
            }
        }
    }

    /// Says that the server is about to end.
    pub fn stopping(self) {
        if self == Supervisor::Systemd {
            notify(&[NotifyState::Stopping]);
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("could not tell systemd: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loader, Machine, Source};

    #[test]
    fn the_supervisor_is_the_one_asked_for_and_there() {
        use Supervisor::{None, Systemd, Upstart};
        for (asked, variable, expect) in [
            (Supervision::No, "NOTIFY_SOCKET", None),
            (Supervision::Auto, "NOTIFY_SOCKET", Systemd),
            (Supervision::Auto, "UPSTART_JOB", Upstart),
            (Supervision::Auto, "OTHER", None),
            (Supervision::Systemd, "NOTIFY_SOCKET", Systemd),
            (Supervision::Systemd, "UPSTART_JOB", None),
            (Supervision::Upstart, "UPSTART_JOB", Upstart),
        ] {
            let found = Supervisor::detect(asked, |name| (name == variable).then(|| "x".into()));
            assert_eq!(found, expect, "{asked:?} {variable}");
        }
    }

    #[test]
    fn the_pid_file_is_there_while_it_is_held() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("pid");
        let load = |text: String| {
            let mut loader = Loader::new(&Machine { cores: 1, directory: "/".into() });
            loader.text(Source::StandardInput, text.as_bytes()).expect("it is right");
            loader.finish()
        };
        let held = PidFile::write(&load(format!("pidfile {}", path.display()))).expect("it can be written");
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(held);
        assert!(!path.exists());
        assert!(PidFile::write(&load(String::new())).expect("nothing is written").is_none());
        assert!(PidFile::write(&load("pidfile /nonexistent/pid".into())).is_err());
    }
}
