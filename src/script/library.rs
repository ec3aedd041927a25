//! Libraries of functions: shared by all workers, replaced as a whole by every change.
//!
//! A change is made with every shard held, so that the log has it in the order in which it happened, and a rewritten
//! log holds the libraries of one point in time. Readers see one state or the other.

use crate::config::quote;
use crate::resp::text;
use crate::script::flags::ScriptFlags;
use arc_swap::{ArcSwap, Guard};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub struct Function {
    pub name: Arc<str>,
    pub description: Option<Vec<u8>>,
    pub flags: ScriptFlags,
    /// See [`Script::needs_token`](crate::script::cache::Script::needs_token).
    pub needs_token: Arc<AtomicBool>,
}

pub struct Library {
    /// Different for any two that were ever loaded.
    pub id: u64,
    pub name: Vec<u8>,
    pub code: Vec<u8>,
    /// Where the source begins in the code: at the end of its first line.
    pub from: usize,
    pub functions: Vec<Function>,
}

impl Library {
    pub fn source(&self) -> &[u8] {
        &self.code[self.from..]
    }
}

/// All libraries at one point in time.
#[derive(Default, Clone)]
pub struct Libraries {
    by_name: BTreeMap<Vec<u8>, Arc<Library>>,
    /// By the functions' names in lower case: FCALL takes them in any.
    functions: HashMap<Vec<u8>, (Arc<Library>, usize)>,
}

impl Libraries {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Library>> {
        self.by_name.values()
    }

    pub fn get(&self, name: &[u8]) -> Option<&Arc<Library>> {
        self.by_name.get(name)
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub fn function(&self, name: &[u8]) -> Option<(&Arc<Library>, usize)> {
        let found = match self.functions.get(name) {
            Some(found) => found,
            None => self.functions.get(&name.to_ascii_lowercase())?,
        };
        Some((&found.0, found.1))
    }

    pub fn function_count(&self) -> usize {
        self.functions.len()
    }

    /// Bytes of all code, about.
    pub fn bytes(&self) -> u64 {
        self.iter().map(|library| (library.code.len() + library.name.len() + 200) as u64).sum()
    }

    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.by_name.remove(name) else { return false };
        self.functions.retain(|_, (other, _)| !Arc::ptr_eq(other, &library));
        true
    }

    /// Adds a library whose name is free.
    ///
    /// # Errors
    /// For the client: a function of that name is there.
    pub fn add(&mut self, library: Library) -> Result<(), String> {
        self.add_shared(Arc::new(library))
    }

    /// The same, for one that others may hold, too.
    ///
    /// # Errors
    /// The same.
    pub fn add_shared(&mut self, library: Arc<Library>) -> Result<(), String> {
        let taken =
            library.functions.iter().find(|function| self.function(function.name.as_bytes()).is_some());
        if let Some(taken) = taken {
            return Err(format!("Function {} already exists", taken.name));
        }
        for (index, function) in library.functions.iter().enumerate() {
            let name = function.name.as_bytes().to_ascii_lowercase();
            self.functions.insert(name, (Arc::clone(&library), index));
        }
        self.by_name.insert(library.name.clone(), library);
        Ok(())
    }
}

/// The libraries of a server.
#[derive(Default)]
pub struct Functions {
    current: ArcSwap<Libraries>,
    version: AtomicU64,
    last_id: AtomicU64,
}

impl Functions {
    pub fn load(&self) -> Guard<Arc<Libraries>> {
        self.current.load()
    }

    /// Called with every shard held.
    pub fn store(&self, libraries: Libraries) {
        self.current.store(Arc::new(libraries));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Grows with every change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The first line of a library: its name, and where that line ends.
///
/// # Errors
/// For the client.
pub fn read_header(code: &[u8]) -> Result<(Vec<u8>, usize), String> {
    if !code.starts_with(b"#!") {
        return Err("Missing library metadata".into());
    }
    let Some(end) = memchr::memchr(b'\n', code) else { return Err("Invalid library metadata".into()) };
    let parts = quote::split(&code[..end]).unwrap_or_default();
    let Some((engine, options)) = parts.split_first() else { return Err("Invalid library metadata".into()) };
    let mut name = None;
    for option in options {
        match option.get(..5) {
            Some(word) if word.eq_ignore_ascii_case(b"name=") => {
                if name.replace(option[5..].to_vec()).is_some() {
                    return Err("Invalid metadata value, name argument was given multiple times".into());
                }
            }
            _ => return Err(format!("Invalid metadata value given: {}", text::shown(option))),
        }
    }
    let name = name.ok_or("Library name was not given")?;
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return Err("Library names can only contain letters, numbers, or underscores(_) and must be at least one character long".into());
    }
    let engine = &engine[2..];
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(format!("Engine '{}' not found", text::shown(engine)));
    }
    Ok((name, end))
}
