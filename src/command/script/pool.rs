//! A thread's Lua states, and what is compiled in them.
//!
//! A state belongs to its thread. A script that is interrupted keeps its state; another one gets another. What was
//! compiled stays, by its SHA1 or its library, until a flush or a change of the libraries is noticed.

use crate::command::script::run::Code;
use crate::keyspace::EffectBuffer;
use crate::resp::decode::Span;
use crate::resp::{Output, text};
use crate::script::cache::{Script, Sha};
use crate::script::library::{Libraries, Library};
use crate::state::Server;
use dunlin_lua::{Event, Finished, Kind, Reference, Registered, Vm};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

/// How long a script runs before others get their turn.
const SLICE_NS: u64 = 1_000_000;
/// What a state may hold, in bytes: a script that wants more fails.
const MEMORY_MAX: usize = 512 << 20;
/// A state that holds more after a script is cleaned, and given up if that doesn't help.
const MEMORY_KEPT: usize = 32 << 20;
/// States of a kind that are kept while nobody uses them.
const IDLE_MAX: usize = 2;

/// A Lua state with what belongs to it.
pub struct Runner {
    pub vm: Vm,
    kind: Kind,
    /// The version of the registry that it knows.
    version: u64,
    scripts: HashMap<Sha, Rc<Code>>,
    /// The script that ran last: most often it is wanted again.
    last: Option<(Sha, Rc<Code>)>,
    functions: HashMap<Vec<u8>, Rc<Code>>,
    libraries: HashMap<u64, Vec<Registered>>,
    pub effects: EffectBuffer,
    pub output: Output,
    pub spans: Vec<Span>,
    /// So much of it is counted.
    counted: i64,
}

/// States that nobody uses: large, and moved in and out as they are.
type Idle = Vec<Box<Runner>>;

#[derive(Default)]
struct Pool {
    /// Whose it is: a test may have several servers in one thread.
    scripts_id: u64,
    eval: Idle,
    functions: Idle,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A state of that kind that nobody uses, up to date.
///
/// # Errors
/// There is no memory for a stack.
pub fn take(server: &Server, kind: Kind) -> std::io::Result<Box<Runner>> {
    let idle = POOL.with_borrow_mut(|pool| {
        if pool.scripts_id != server.scripts.id {
            *pool = Pool { scripts_id: server.scripts.id, ..Pool::default() };
        }
        pool.of(kind).pop()
    });
    let version = version(server, kind);
    if let Some(mut runner) = idle {
        if runner.version == version {
            return Ok(runner);
        }
        if kind == Kind::Functions {
            runner.follow(&server.scripts.functions.load());
            runner.version = version;
            return Ok(runner);
        }
        // After SCRIPT FLUSH nothing of before is left.
        runner.count(server, 0);
    }
    let vm = Vm::new(kind, MEMORY_MAX, SLICE_NS)?;
    Ok(Box::new(Runner {
        vm,
        kind,
        version,
        scripts: HashMap::new(),
        last: None,
        functions: HashMap::new(),
        libraries: HashMap::new(),
        effects: EffectBuffer::default(),
        output: Output::default(),
        spans: Vec::new(),
        counted: 0,
    }))
}

/// Gives a state back.
pub fn put(server: &Server, mut runner: Box<Runner>) {
    runner.effects.trim();
    if runner.vm.used_memory() > MEMORY_KEPT {
        runner.vm.collect_garbage();
    }
    let is_kept = runner.vm.used_memory() <= MEMORY_KEPT
        && POOL.with_borrow_mut(|pool| {
            pool.scripts_id == server.scripts.id && pool.of(runner.kind).len() < IDLE_MAX
        });
    if !is_kept {
        runner.count(server, 0);
        return;
    }
    let bytes = runner.vm.used_memory() as i64;
    if (bytes - runner.counted).abs() > 4096 {
        runner.count(server, bytes);
    }
    POOL.with_borrow_mut(|pool| pool.of(runner.kind).push(runner));
}

fn version(server: &Server, kind: Kind) -> u64 {
    match kind {
        Kind::Eval => server.scripts.cache.version(),
        Kind::Functions => server.scripts.functions.version(),
    }
}

impl Pool {
    fn of(&mut self, kind: Kind) -> &mut Idle {
        match kind {
            Kind::Eval => &mut self.eval,
            Kind::Functions => &mut self.functions,
        }
    }
}

/// How long a library may run that is loaded in one more state.
const LOAD_AGAIN_NS: u64 = 5_000_000_000;

impl Runner {
    fn count(&mut self, server: &Server, bytes: i64) {
        let total: &AtomicI64 = match self.kind {
            Kind::Eval => &server.scripts.eval_bytes,
            Kind::Functions => &server.scripts.function_bytes,
        };
        total.fetch_add(bytes - self.counted, Relaxed);
        self.counted = bytes;
    }

    /// Has others see what a script holds that takes long.
    pub fn show_memory(&mut self, server: &Server) {
        let bytes = self.vm.used_memory() as i64;
        if (bytes - self.counted).abs() > 1 << 16 {
            self.count(server, bytes);
        }
    }

    /// A script that is compiled here.
    pub fn script(&mut self, sha: &Sha) -> Option<Rc<Code>> {
        if let Some((last, code)) = &self.last
            && last == sha
        {
            return Some(Rc::clone(code));
        }
        let code = Rc::clone(self.scripts.get(sha)?);
        self.last = Some((*sha, Rc::clone(&code)));
        Some(code)
    }

    /// Compiles a script.
    ///
    /// # Errors
    /// Lua's.
    pub fn compile(&mut self, sha: Sha, script: &Script) -> Result<Rc<Code>, Vec<u8>> {
        let function = self.vm.compile("@user_script", script.source())?;
        let code = Rc::new(Code {
            function,
            name: Arc::clone(&script.sha),
            flags: script.flags,
            needs_token: Arc::clone(&script.needs_token),
        });
        self.scripts.insert(sha, Rc::clone(&code));
        Ok(code)
    }

    /// A function, whose library is loaded first if need be.
    pub fn function(&mut self, server: &Server, name: &[u8]) -> Option<Rc<Code>> {
        if let Some(code) = self.functions.get(name) {
            return Some(Rc::clone(code));
        }
        let libraries = server.scripts.functions.load();
        let (library, index) = libraries.function(name)?;
        let info = &library.functions[index];
        let function = self.reference(library, info.name.as_bytes())?;
        let code = Rc::new(Code {
            function,
            name: Arc::clone(&info.name),
            flags: info.flags,
            needs_token: Arc::clone(&info.needs_token),
        });
        self.functions.insert(name.to_vec(), Rc::clone(&code));
        Some(code)
    }

    fn reference(&mut self, library: &Library, name: &[u8]) -> Option<Reference> {
        if !self.libraries.contains_key(&library.id) {
            // It has registered its functions once before, in another state, in a tenth of this time; but what it
            // does may depend on the clock, and nobody can kill it here.
            let registered = self.load_library(library.source(), LOAD_AGAIN_NS).ok()?;
            self.libraries.insert(library.id, registered);
        }
        let registered = self.libraries.get(&library.id)?;
        registered.iter().find(|function| function.name == name).map(|function| function.function)
    }

    /// Runs a library, which must be over soon; zero: whenever.
    ///
    /// # Errors
    /// For the client, without a code word.
    pub fn load_library(&mut self, source: &[u8], limit_ns: u64) -> Result<Vec<Registered>, String> {
        let text = |bytes: &[u8]| text::shown(bytes).into_owned();
        if let Err(message) = self.vm.begin_library(source, limit_ns) {
            return Err(format!("Error compiling function: {}", text(&message)));
        }
        loop {
            match self.vm.resume() {
                Event::Done => break,
                Event::Log(level) => log(level, &self.vm),
                // It can call nothing, and ends by itself.
                Event::Call | Event::Check | Event::Slice => {}
            }
        }
        let (finished, _) = self.vm.finished();
        let registered = self.vm.registered();
        match finished {
            Finished::Replied | Finished::RepliedErrors { .. } => Ok(registered),
            Finished::Failed { line, .. } => {
                self.forget(&registered);
                Err(format!("Error registering functions: {}", text(&line)))
            }
        }
    }

    pub fn forget(&mut self, registered: &[Registered]) {
        for function in registered {
            self.vm.forget(function.function);
        }
    }

    /// Forgets the libraries that are no longer there.
    fn follow(&mut self, libraries: &Libraries) {
        self.functions.clear();
        let gone: Vec<u64> = self
            .libraries
            .keys()
            .copied()
            .filter(|id| !libraries.iter().any(|library| library.id == *id))
            .collect();
        for id in gone {
            if let Some(registered) = self.libraries.remove(&id) {
                self.forget(&registered);
            }
        }
    }
}

/// Writes what a script says to the log.
pub fn log(level: i32, vm: &Vm) {
    let text = String::from_utf8_lossy(vm.request().args().next().unwrap_or_default()).into_owned();
    match level {
        0 => tracing::trace!("{text}"),
        1 => tracing::debug!("{text}"),
        2 => tracing::info!("{text}"),
        _ => tracing::warn!("{text}"),
    }
}
