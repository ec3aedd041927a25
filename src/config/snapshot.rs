//! All settings' values at one time: looked up by name, changed several at once or not at all.
//!
//! A `Config` is a plain value. Whoever runs the server keeps the present one and swaps in what [`Config::set_all`]
//! returns once the change has been applied; nothing here has effects.

use super::file::Origin;
use super::glob;
use super::load::{LoadError, Renaming, UserLine, reason};
use super::setting::{Class, Runtime};
use super::settings::{self, SettingId};
use super::value::{self, Value, ValueError};
use std::path::PathBuf;
use std::sync::Arc;

/// What defaults depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Cores that this process may use: the default of `io-threads`.
    pub cores: usize,
    /// Where the process was started: the default of `dir`.
    pub directory: PathBuf,
}

/// Why CONFIG SET did nothing. The texts, after `ERR `, are Redis'.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("Unknown option or number of arguments for CONFIG SET - '{name}'")]
    Unknown { name: String },
    #[error("CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    Failed { name: String, reason: String },
}

impl ConfigError {
    /// For a change that could not be applied, such as a port that is taken.
    pub fn failed(name: impl Into<String>, reason: impl Into<String>) -> Self {
        ConfigError::Failed { name: name.into(), reason: reason.into() }
    }
}

/// All settings' values; see the module's text.
#[derive(Debug, Clone)]
pub struct Config {
    values: Vec<Value>,
    defaults: Arc<[Value]>,
    /// Where each was named last: in a file, the environment or a flag.
    asked_for: Vec<Option<Origin>>,
    /// The file that CONFIG REWRITE writes, with its absolute path.
    pub file: Option<PathBuf>,
    /// In the order of their lines.
    pub renamings: Vec<Renaming>,
    /// In the order of their lines.
    pub users: Vec<UserLine>,
    /// Directives of old versions that were named; they mean nothing to Redis either.
    pub(super) obsolete: Vec<&'static str>,
}

impl Config {
    /// The settings that nobody asked for.
    pub fn new(machine: &Machine) -> Self {
        let defaults: Arc<[Value]> = settings::all().map(|(id, _)| default_value(id, machine)).collect();
        Config {
            values: defaults.to_vec(),
            asked_for: vec![None; defaults.len()],
            defaults,
            file: None,
            renamings: Vec::new(),
            users: Vec::new(),
            obsolete: Vec::new(),
        }
    }

    pub(super) fn value(&self, id: SettingId) -> &Value {
        &self.values[id.index()]
    }

    pub(super) fn default(&self, id: SettingId) -> &Value {
        &self.defaults[id.index()]
    }

    /// True when it has the value that nobody asked for.
    pub fn is_default(&self, id: SettingId) -> bool {
        self.value(id) == self.default(id)
    }

    /// Checks what must be there before the server starts.
    ///
    /// # Errors
    /// When there is no data directory.
    pub fn check_directory(&self) -> Result<(), LoadError> {
        let directory = self.dir();
        match std::fs::metadata(&directory) {
            Ok(found) if found.is_dir() => Ok(()),
            found => {
                let reason = found.map_or_else(|error| reason(&error), |_| "Not a directory".into());
                let problem = format!("The data directory 'dir' is '{}': {reason}", directory.display());
                Err(self.refuse("dir", problem, "Make the directory, or set 'dir' to one that is there."))
            }
        }
    }

    /// Checks that there are a certificate and its key where there is to be TLS.
    ///
    /// # Errors
    /// One of them is not set.
    pub fn check_certificate(&self) -> Result<(), LoadError> {
        let missing = [("tls-cert-file", self.tls_cert_file()), ("tls-key-file", self.tls_key_file())]
            .into_iter()
            .find(|(_, file)| file.is_none());
        match missing {
            Some((name, _)) if cfg!(feature = "tls") && self.tls_port() != 0 => Err(self.refuse(
                "tls-port",
                format!("{name} is not set, and tls-port needs it"),
                format!(
                    "'{name}' takes the path of a file in PEM format; without tls-port no TLS is spoken."
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The error that refuses the start because a setting's value, which looked well, is of no use. It names the place
    /// where the setting was asked for, if somebody did.
    pub fn refuse(&self, name: &str, problem: impl Into<String>, advice: impl Into<String>) -> LoadError {
        LoadError {
            origin: settings::find(name.as_bytes()).and_then(|id| self.asked_for[id.index()].clone()),
            problem: problem.into(),
            advice: Some(advice.into()),
        }
    }

    /// A setting's value as CONFIG GET shows it; `None` if there is no setting of that name.
    pub fn get(&self, name: &[u8]) -> Option<Vec<u8>> {
        settings::find(name).map(|id| self.show(id))
    }

    pub fn show(&self, id: SettingId) -> Vec<u8> {
        self.value(id).show(id.setting().kind)
    }

    /// CONFIG GET: names with values, each name once. Patterns ignore case and pass over hidden settings; a name
    /// without pattern characters is given back as it was asked. Linear in patterns times settings.
    pub fn get_matching(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for pattern in patterns {
            if !glob::is_pattern(pattern) {
                let known = found.iter().any(|(name, _)| name.eq_ignore_ascii_case(pattern));
                if let Some(id) = settings::find(pattern).filter(|_| !known) {
                    found.push((pattern.to_vec(), self.show(id)));
                }
                continue;
            }
            for (id, setting) in settings::all().filter(|(_, setting)| !setting.hidden) {
                for name in std::iter::once(setting.name).chain(setting.alias) {
                    let known = found.iter().any(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
                    if !known && glob::matches(pattern, name.as_bytes(), true) {
                        found.push((name.into(), self.show(id)));
                    }
                }
            }
        }
        found
    }

    /// Sets one setting from a directive's arguments, while the server is starting.
    /// With `accumulate`, what an earlier line asked for is added to, where the setting is a list of entries.
    pub(super) fn load(
        &mut self,
        id: SettingId,
        arguments: &[&[u8]],
        accumulate: bool,
        origin: &Origin,
    ) -> Result<(), ValueError> {
        let accumulate = accumulate && self.asked_for[id.index()].is_some();
        self.values[id.index()] = self.checked(id, arguments, accumulate)?;
        self.asked_for[id.index()] = Some(origin.clone());
        Ok(())
    }

    fn checked(&self, id: SettingId, arguments: &[&[u8]], accumulate: bool) -> Result<Value, ValueError> {
        let setting = id.setting();
        let value = value::parse(setting.kind, arguments, self.value(id), accumulate)?;
        match setting.class {
            Class::Refused(why) if value != *self.default(id) => Err(ValueError(why.into())),
            Class::Live | Class::Accepted | Class::Refused(_) => Ok(value),
        }
    }

    /// CONFIG SET: this configuration with all pairs of name and value changed, and the settings that were named.
    /// `may_change_protected` says whether `enable-protected-configs` allows it for the client.
    ///
    /// # Errors
    /// The first thing that is wrong, in Redis' words and order of checks; then nothing changes.
    pub fn set_all(
        &self,
        pairs: &[(&[u8], &[u8])],
        may_change_protected: bool,
    ) -> Result<(Config, Vec<SettingId>), ConfigError> {
        let ids = find_settable(pairs, may_change_protected)?;
        let mut changed = self.clone();
        for (id, (name, text)) in ids.iter().zip(pairs) {
            let value = changed.checked(*id, &runtime_arguments(*id, text), false);
            let named = |error: ValueError| {
                ConfigError::failed(String::from_utf8_lossy(name).to_ascii_lowercase(), error.0)
            };
            changed.values[id.index()] = value.map_err(named)?;
        }
        Ok((changed, ids))
    }

    /// Whether there are such settings and this client may change them, whatever the values are.
    ///
    /// # Errors
    /// As [`Self::set_all`].
    pub fn check_names(
        &self,
        pairs: &[(&[u8], &[u8])],
        may_change_protected: bool,
    ) -> Result<(), ConfigError> {
        find_settable(pairs, may_change_protected).map(drop)
    }

    /// The settings whose value differs from what the other configuration has.
    pub fn changed_since(&self, before: &Config) -> Vec<SettingId> {
        settings::all().map(|(id, _)| id).filter(|id| self.value(*id) != before.value(*id)).collect()
    }

    /// Names of settings that were asked for, differ from the default, and change nothing here.
    pub fn inert(&self) -> Vec<&'static str> {
        let inert = settings::all().filter(|(id, setting)| {
            setting.class == Class::Accepted && self.asked_for[id.index()].is_some() && !self.is_default(*id)
        });
        inert.map(|(_, setting)| setting.name).chain(self.obsolete.iter().copied()).collect()
    }

    /// Was the setting named in a file, the environment or a flag?
    pub fn was_asked_for(&self, name: &str) -> bool {
        settings::find(name.as_bytes()).is_some_and(|id| self.asked_for[id.index()].is_some())
    }
}

/// Redis splits the value of a setting with several arguments at each blank, without quotes.
fn runtime_arguments(id: SettingId, text: &[u8]) -> Vec<&[u8]> {
    if !id.setting().kind.takes_many() {
        return vec![text];
    }
    if text.is_empty() { Vec::new() } else { text.split(|&byte| byte == b' ').collect() }
}

fn find_settable(
    pairs: &[(&[u8], &[u8])],
    may_change_protected: bool,
) -> Result<Vec<SettingId>, ConfigError> {
    let mut ids = Vec::with_capacity(pairs.len());
    for (index, (name, _)) in pairs.iter().enumerate() {
        let shown = String::from_utf8_lossy(name).into_owned();
        let Some(id) = settings::find(name) else { return Err(ConfigError::Unknown { name: shown }) };
        match id.setting().runtime {
            Runtime::Immutable => return Err(ConfigError::failed(shown, "can't set immutable config")),
            Runtime::Protected if !may_change_protected => {
                return Err(ConfigError::failed(shown, "can't set protected config"));
            }
            Runtime::Protected | Runtime::Settable => {}
        }
        // A setting and its older name count as two, and the later one wins.
        if pairs[..index].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) {
            return Err(ConfigError::failed(shown, "duplicate parameter"));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn default_value(id: SettingId, machine: &Machine) -> Value {
    use std::os::unix::ffi::OsStrExt;
    let setting = id.setting();
    match setting.name {
        "io-threads" => Value::Int(i64::try_from(machine.cores.clamp(1, 128)).unwrap_or(1)),
        "dir" => Value::Text(machine.directory.as_os_str().as_bytes().to_vec()),
        _ => {
            let before = match setting.kind {
                super::setting::Kind::Save => Value::Save(Vec::new()),
                super::setting::Kind::BufferLimits => Value::BufferLimits(Default::default()),
                _ => Value::Flag(false),
            };
            value::parse(setting.kind, &runtime_arguments(id, setting.default.as_bytes()), &before, false)
                .expect("every default in the table is a value of its kind, which a test checks")
        }
    }
}

#[cfg(test)]
mod tests;
