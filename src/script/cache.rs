//! Scripts by the SHA1 of their text. They stay until SCRIPT FLUSH, or the server's end.

use crate::script::flags::{self, ScriptFlags};
use parking_lot::RwLock;
use sha1::{Digest, Sha1};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Forty hexadecimal digits, in lower case.
pub type Sha = [u8; 40];

pub struct Script {
    pub sha: Arc<str>,
    pub body: Box<[u8]>,
    pub flags: ScriptFlags,
    /// Where the source begins: behind the first line, if that says something of the script, but for its end.
    pub from: usize,
    /// It needs the token: it has written, or touched keys that it did not declare.
    pub needs_token: Arc<AtomicBool>,
}

impl Script {
    /// # Errors
    /// For the client: what is wrong with its first line.
    pub fn new(sha: &Sha, body: &[u8]) -> Result<Self, String> {
        let (flags, from) = flags::of_script(body)?;
        let sha = String::from_utf8_lossy(sha).into_owned().into();
        Ok(Self { sha, body: body.into(), flags, from, needs_token: Arc::default() })
    }

    pub fn source(&self) -> &[u8] {
        &self.body[self.from..]
    }
}

/// All scripts.
#[derive(Default)]
pub struct Cache {
    scripts: RwLock<HashMap<Sha, Arc<Script>>>,
    bytes: AtomicU64,
    flushes: AtomicU64,
}

/// What a script costs beside its text, about.
const OVERHEAD_BYTES: u64 = 200;

impl Cache {
    pub fn get(&self, sha: &Sha) -> Option<Arc<Script>> {
        self.scripts.read().get(sha).cloned()
    }

    pub fn add(&self, sha: Sha, script: Arc<Script>) {
        let bytes = script.body.len() as u64 + OVERHEAD_BYTES;
        if self.scripts.write().insert(sha, script).is_none() {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// SCRIPT FLUSH.
    pub fn flush(&self) {
        let mut scripts = self.scripts.write();
        scripts.clear();
        self.bytes.store(0, Ordering::Relaxed);
        self.flushes.fetch_add(1, Ordering::Release);
    }

    /// Grows with every flush: what was compiled before is to be forgotten.
    pub fn version(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    pub fn len(&self) -> usize {
        self.scripts.read().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// The SHA1 of a script.
pub fn sha_of(body: &[u8]) -> Sha {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 40];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(Sha1::digest(body)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    hex
}

/// What a client says is a SHA1, in any case.
pub fn sha_given(text: &[u8]) -> Option<Sha> {
    let mut sha: Sha = text.try_into().ok()?;
    sha.make_ascii_lowercase();
    Some(sha)
}
