//! Directives to a [`Config`]: files with their includes, standard input, the environment, the command line.
//!
//! Later sources win: file, standard input, environment, command line. The first thing that is wrong stops the load,
//! and [`LoadError`] says where it stands and what would be right. Reads files; has no other effect.

use super::file::{self, Directive, Origin, Source};
use super::quote;
use super::setting::{Class, Kind};
use super::settings;
use super::snapshot::{Config, Machine};
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// How deep files may include files: beyond it they surely include each other.
const INCLUDE_DEPTH_MAX: usize = 16;

/// The beginning of the environment's variables that are settings.
pub const ENVIRONMENT_PREFIX: &str = "DUNLIN_";

/// Directives that are not settings, for suggestions.
const OTHER_DIRECTIVES: &[&str] = &["include", "rename-command", "user"];

/// Directives of old versions that Redis 7.2 still reads and ignores.
const OBSOLETE: &[&str] = &["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

const UNBALANCED: &str = "Unbalanced quotes in configuration line";
const UNBALANCED_ADVICE: &str = "A value in quotes ends with the quote that it began with, and a blank or the line's end \
                                 comes next; a \" within \"...\" is written \\\", a ' within '...' \\'.";
const NO_MODULES: &str = "modules are not supported";

/// A `rename-command` line. An empty `to` takes the command away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    pub origin: Origin,
}

impl Renaming {
    /// The error that refuses the start because the command table does not allow this renaming.
    pub fn refuse(&self, problem: &str, advice: String) -> LoadError {
        LoadError::at(&self.origin, problem, advice)
    }
}

/// A `user` line: who the user is, and the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserLine {
    pub name: Vec<u8>,
    pub rules: Vec<Vec<u8>>,
    pub origin: Origin,
}

impl UserLine {
    /// The error that refuses the start because there can be no such user.
    pub fn refuse(&self, problem: String) -> LoadError {
        LoadError::at(&self.origin, problem, None)
    }
}

/// Why a configuration cannot be used. Shown in the form in which Redis does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    /// `None` when it is not about one line.
    pub origin: Option<Origin>,
    /// What is wrong, in Redis' words where it has some.
    pub problem: String,
    /// What would be right.
    pub advice: Option<String>,
}

impl LoadError {
    fn at(origin: &Origin, problem: impl Into<String>, advice: impl Into<Option<String>>) -> Self {
        LoadError { origin: Some(origin.clone()), problem: problem.into(), advice: advice.into() }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n*** FATAL CONFIG FILE ERROR (Dunlin {}) ***", env!("CARGO_PKG_VERSION"))?;
        if let Some(origin) = &self.origin {
            writeln!(out, "{origin}")?;
        }
        write!(out, "{}", self.problem)?;
        match &self.advice {
            Some(advice) => write!(out, "\n{advice}"),
            None => Ok(()),
        }
    }
}

/// Builds a configuration, source by source.
pub struct Loader {
    config: Config,
    depth: usize,
}

impl Loader {
    pub fn new(machine: &Machine) -> Self {
        Loader { config: Config::new(machine), depth: 0 }
    }

    /// Reads the main file, which CONFIG REWRITE will write.
    ///
    /// # Errors
    /// When it cannot be read, or anything in it is wrong.
    pub fn file(&mut self, path: &Path) -> Result<(), LoadError> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let text = std::fs::read(&absolute).map_err(|error| LoadError {
            origin: None,
            problem: format!(
                "Fatal error, can't open config file '{}': {}",
                absolute.display(),
                reason(&error)
            ),
            advice: None,
        })?;
        self.config.file = Some(absolute.clone());
        self.text(Source::File(absolute), &text)
    }

    /// Reads a text of lines.
    ///
    /// # Errors
    /// At the first line that is wrong.
    pub fn text(&mut self, source: Source, text: &[u8]) -> Result<(), LoadError> {
        let directives = file::directives(text, &Arc::new(source));
        let directives =
            directives.map_err(|origin| LoadError::at(&origin, UNBALANCED, UNBALANCED_ADVICE.to_string()))?;
        directives.iter().try_for_each(|directive| self.directive(directive))
    }

    /// Reads variables such as `DUNLIN_MAXMEMORY=1gb`; all others are passed over. In a name, `_` stands for `-`.
    ///
    /// # Errors
    /// When a variable begins with [`ENVIRONMENT_PREFIX`] but is no setting, or its value is wrong.
    pub fn environment(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), LoadError> {
        let source = Arc::new(Source::Environment);
        let mut ours: Vec<_> = variables.into_iter().filter(|(name, value)| is_ours(name, value)).collect();
        ours.sort();
        for (variable, value) in ours {
            let (variable, value) = (variable.as_bytes(), value.as_bytes());
            let name = variable.get(ENVIRONMENT_PREFIX.len()..).unwrap_or_default().to_ascii_lowercase();
            let dashed: Vec<u8> = name.iter().map(|&byte| if byte == b'_' { b'-' } else { byte }).collect();
            let name = if settings::find(&name).is_some() { name } else { dashed };
            let origin = Origin {
                source: Arc::clone(&source),
                line: 1,
                text: [variable, value].join(b"=".as_slice()),
            };
            if settings::find(&name).is_none() {
                return Err(LoadError::at(&origin, "No such setting", suggestion(&name)));
            }
            let arguments = vec![value.to_vec()];
            self.setting(&Directive { name, arguments, origin }, false)?;
        }
        Ok(())
    }

    pub fn finish(self) -> Config {
        self.config
    }

    fn directive(&mut self, directive: &Directive) -> Result<(), LoadError> {
        let refuse = |problem: &str| Err(LoadError::at(&directive.origin, problem, None));
        let name = directive.name.as_slice();
        if settings::find(name).is_some() {
            return self.setting(directive, true);
        }
        match (name, directive.arguments.as_slice()) {
            (b"include", [path]) => self.include(path, &directive.origin),
            (b"rename-command", [from, to]) => {
                let (from, to) = (from.clone(), to.clone());
                self.config.renamings.push(Renaming { from, to, origin: directive.origin.clone() });
                Ok(())
            }
            (b"user", [name, rules @ ..]) => {
                let (name, rules) = (name.clone(), rules.to_vec());
                self.config.users.push(UserLine { name, rules, origin: directive.origin.clone() });
                Ok(())
            }
            (b"loadmodule", [_, ..]) => refuse(NO_MODULES),
            (b"sentinel", _) => refuse("sentinel mode is not supported"),
            (_, [_]) if let Some(name) = OBSOLETE.iter().find(|old| old.as_bytes() == name) => {
                self.config.obsolete.push(name);
                Ok(())
            }
            _ if name.contains(&b'.') => {
                refuse("modules are not supported, and so neither are their settings")
            }
            _ => {
                let advice = other_advice(name).or_else(|| suggestion(name));
                Err(LoadError::at(&directive.origin, "Bad directive or wrong number of arguments", advice))
            }
        }
    }

    fn setting(&mut self, directive: &Directive, accumulate: bool) -> Result<(), LoadError> {
        let Some(id) = settings::find(&directive.name) else { return Ok(()) };
        let setting = id.setting();
        let fail = |problem: String| {
            let refused = matches!(setting.class, Class::Refused(why) if why == problem);
            let advice = if refused {
                let default = if setting.default.is_empty() { "\"\"" } else { setting.default };
                format!("Take the line away, or leave '{}' at its default, {default}.", setting.name)
            } else {
                format!("'{}' takes {}.", setting.name, setting.kind.describe())
            };
            LoadError::at(&directive.origin, problem, advice)
        };
        let split = match directive.arguments.as_slice() {
            // So that --save "3600 1 60 100" and DUNLIN_BIND="127.0.0.1 ::1" work.
            [one] if setting.kind.takes_many() && !one.is_empty() => {
                Some(quote::split(one).map_err(|_| {
                    LoadError::at(&directive.origin, UNBALANCED, UNBALANCED_ADVICE.to_string())
                })?)
            }
            // These are lists, of nothing then; flags say themselves which there are.
            [] if !matches!(
                setting.kind,
                Kind::Flags(_) | Kind::Words { .. } | Kind::Percentiles | Kind::Save | Kind::BufferLimits
            ) =>
            {
                return Err(fail("wrong number of arguments".into()));
            }
            _ => None,
        };
        let arguments = split.as_ref().unwrap_or(&directive.arguments);
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        self.config.load(id, &arguments, accumulate, &directive.origin).map_err(|error| fail(error.0))
    }

    fn include(&mut self, path: &[u8], origin: &Origin) -> Result<(), LoadError> {
        if self.depth == INCLUDE_DEPTH_MAX {
            let problem = format!("Files include files more than {INCLUDE_DEPTH_MAX} deep");
            return Err(LoadError::at(origin, problem, "Is there a file that includes itself?".to_string()));
        }
        self.depth += 1;
        for path in file::expand(path) {
            let text = std::fs::read(&path).map_err(|error| {
                let problem = format!("Can't open config file '{}': {}", path.display(), reason(&error));
                LoadError::at(
                    origin,
                    problem,
                    "A path is looked up from where the server was started.".to_string(),
                )
            })?;
            self.text(Source::File(path), &text)?;
        }
        self.depth -= 1;
        Ok(())
    }
}

/// Variables that Kubernetes makes for a service that is called "dunlin" look like ours and are not meant for us.
fn is_ours(name: &OsString, value: &OsString) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(ENVIRONMENT_PREFIX.as_bytes()) else { return false };
    let rest = String::from_utf8_lossy(rest);
    let linked_port = rest == "PORT" && value.as_bytes().windows(3).any(|part| part == b"://");
    let linked = ["SERVICE_HOST", "SERVICE_PORT"].iter().any(|part| rest.starts_with(part));
    let numbered =
        rest.strip_prefix("PORT_").is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()));
    !(linked_port || linked || numbered)
}

fn other_advice(name: &[u8]) -> Option<String> {
    let takes = match name {
        b"include" => "the path of one file, or a pattern such as conf.d/*.conf",
        b"rename-command" => "a command's name and its new name, or \"\" to take it away",
        b"user" => "a name and rules, such as: user alice on >secret ~alice:* +@all",
        b"loadmodule" => return Some(format!("{NO_MODULES}.")),
        _ => return None,
    };
    Some(format!("'{}' takes {takes}.", String::from_utf8_lossy(name)))
}

fn suggestion(name: &[u8]) -> Option<String> {
    let name_shown = String::from_utf8_lossy(name);
    let nearest = settings::nearest(name, OTHER_DIRECTIVES)?;
    Some(format!("There is no '{name_shown}': did you mean '{nearest}'?"))
}

/// Whether a line of a configuration may begin with this word.
pub fn is_directive(name: &[u8]) -> bool {
    let others = OTHER_DIRECTIVES.iter().chain(OBSOLETE).chain(&["loadmodule", "sentinel"]);
    settings::find(name).is_some()
        || others.into_iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

/// The system's words without Rust's "(os error 2)".
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests;
