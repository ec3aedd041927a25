//! A Lua state on a stack of its own, and everything that must be unsafe about it but for [`frame`](crate::frame).
//!
//! # Why this is sound
//!
//! **One side runs at a time.** The state and its [`Host`] are reached from two sides: by the owner of the [`Vm`], and
//! by what runs inside its coroutine. The coroutine runs only within [`Vm::resume`], which has the only `&mut Vm`, and
//! the owner runs only while the coroutine is suspended; both are on one thread, since a `Vm` is not `Send`. So there
//! are never two references to the host in use at once; all are made from one raw pointer, for as long as one call.
//!
//! **Jumps pass nothing that is to be dropped.** Lua ends a function that fails by a `longjmp`. The only Rust frames that
//! one can pass are those of [`trampoline`], of the hook and of [`natives`](crate::natives), which hold plain values then.
//! Trampolines run safe code to its end, and fail afterwards, when nothing is left to drop. The safe code itself can't jump: it reaches Lua through [`Frame`], which uses only
//! what can fail in one way, by lack of memory, and as long as it runs ([`Host::strict`] is off) the allocator never
//! refuses. Outside of a protected call it is off, too, so that nothing ever jumps to nowhere. Finalizers could run
//! foreign code at any allocation: there are none (no `newproxy`, no userdata).
//!
//! **Stacks.** `setjmp` and `longjmp` always happen on the same stack: a protected call is begun and ended on the
//! coroutine's, or, when the owner compiles, on its own. Lua bounds the depth of C calls (200), those within its coroutines
//! included; what recurses here is bounded by its own limits, at the end of all those calls, too: the tests go there with
//! the larger frames of the sanitizer. Behind [`STACK_BYTES`] lies a guard page.
//!
//! **Panics.** None is meant to happen. One ends the process, or, where panics unwind (in tests), the coroutine: then the
//! state, in which Lua still believes to be, is never entered again, since `resume` fails on an ended coroutine and
//! everything else on a running script.
//!
//! **The end.** A suspended coroutine would have to be unwound. Instead, dropping a `Vm` kills the script, runs it to its end
//! (every instruction fails then) and has the coroutine return.
#![expect(unsafe_code, reason = "Lua's C interface; see above")]

use crate::error::Error;
use crate::frame::{Frame, Function, Type};
use crate::{convert, sandbox};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use dunlin_structures::cycles;
use mlua_sys::lua51 as ffi;
use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};

/// Room for 200 nested C calls of Lua's and the deepest recursion of ours. Only what is touched is taken.
const STACK_BYTES: usize = 8 << 20;
/// Instructions between two looks at the clock: some 50 microseconds.
const HOOK_INSTRUCTIONS: c_int = 10_000;
/// Bytes that functions go through between two looks at the clock: their time is not that of instructions.
const WORK_PER_TICK: usize = 64 * 1024;
/// All Lua memory is aligned for any of its types.
const ALIGNMENT: usize = 16;

/// What a script stopped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `redis.call` or `redis.pcall`: see [`Vm::request`]; the answer goes to [`Vm::reply`].
    Call,
    /// `redis.acl_check_cmd`: the same, with `:1` or `:0` as the answer.
    Check,
    /// `redis.log`: its text is the request's only argument.
    Log(i32),
    /// It has run for as long as it may in one go.
    Slice,
    /// It is over: see [`Vm::finished`].
    Done,
}

/// What a state is for: they differ in their globals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Eval,
    Functions,
}

/// A function kept in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reference(pub(crate) c_int);

/// Where an argument lies in [`Request::bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

/// A command that a script asked for.
#[derive(Default, Debug)]
pub struct Request {
    pub bytes: Vec<u8>,
    pub spans: Vec<Span>,
}

impl Request {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
    }

    /// Ends the argument that began at `start`. Returns whether there was room for it.
    pub(crate) fn end(&mut self, start: usize) -> bool {
        self.spans.push(Span { start: start as u32, len: (self.bytes.len() - start) as u32 });
        self.bytes.len() <= REQUEST_MAX
    }

    pub fn args(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|span| &self.bytes[span.start as usize..][..span.len as usize])
    }
}

/// How large a request may be: far below what a span can say, and far above what a command takes.
const REQUEST_MAX: usize = 1 << 30;

/// What buffers keep from script to script at most.
pub(crate) const KEPT_BYTES: usize = 256 * 1024;

/// What to run.
pub struct Call<'a> {
    pub function: Reference,
    /// How errors name it: a script's SHA, or a function's name.
    pub name: &'a str,
    /// KEYS and ARGV are globals (EVAL), or the function's two arguments (FCALL).
    pub globals: bool,
    pub resp3: bool,
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Finished {
    /// Its reply is in what [`Vm::finished`] lends.
    #[default]
    Replied,
    /// As [`Finished::Replied`], with errors in the reply: how often each code stands there, but for those that have been
    /// counted already.
    RepliedErrors { codes: BTreeMap<Vec<u8>, u64> },
    /// An error line, without `-`. `counted`: a command that failed in it has been counted as an error already.
    Failed { line: Vec<u8>, counted: bool },
}

/// What `redis.register_function` was told.
#[derive(Clone, Debug)]
pub struct Registered {
    pub name: Vec<u8>,
    pub description: Option<Vec<u8>>,
    pub flags: Vec<Vec<u8>>,
    pub function: Reference,
}

/// What belongs to a state and isn't Lua's.
pub struct Host {
    /// Bytes that Lua has allocated, and how many it may.
    used: usize,
    limit: usize,
    /// Lua code runs: an allocation beyond the limit fails there.
    strict: bool,
    yielder: *const Yielder<(), Event>,
    quits: bool,
    /// The script is to end, with this error.
    killed: Option<&'static str>,
    /// No command may be called: a library is loaded, or the script was killed.
    pub(crate) refuses_calls: bool,
    /// Bytes that functions went through since one of them looked at the clock.
    work: usize,
    /// Bytes that functions hold while they call Lua: counted as the state's.
    held: usize,
    /// The cycle counter's value at which the script stops for others.
    slice_ends: u64,
    slice_cycles: u64,
    pub(crate) kind: Kind,
    pub(crate) request: Request,
    pub(crate) reply: Vec<u8>,
    pub(crate) result: Vec<u8>,
    pub(crate) finished: Finished,
    name: String,
    /// The protocol that replies of commands reach the script in, and that of its client.
    pub(crate) script_resp3: bool,
    pub(crate) client_resp3: bool,
    arguments: c_int,
    job: Job,
    pub(crate) random: crate::redis::Random,
    pub(crate) json: crate::json::Config,
    /// Text that is being built; kept so that nothing is allocated for a short one.
    pub(crate) text: Vec<u8>,
    /// FUNCTION LOAD runs: what was registered, and an error of the registry's.
    pub(crate) registered: Option<Vec<Registered>>,
    pub(crate) loading_until: u64,
    handler: c_int,
    pub(crate) places: sandbox::Places,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Job {
    /// A script or function: its value is converted.
    Run,
    /// A library: it registers functions.
    Load,
}

/// A Lua state. Neither moves to another thread nor is shared.
pub struct Vm {
    host: NonNull<Host>,
    state: NonNull<ffi::lua_State>,
    coroutine: Coroutine<(), Event, ()>,
    running: bool,
    /// The next turn begins a new slice of time.
    begins_slice: bool,
}

impl Vm {
    /// A new state that may take `memory` bytes. A script runs for `slice_ns` in one go.
    pub fn new(kind: Kind, memory: usize, slice_ns: u64) -> std::io::Result<Self> {
        let stack = DefaultStack::new(STACK_BYTES)?;
        let host = Box::new(Host {
            used: 0,
            limit: memory,
            strict: false,
            yielder: ptr::null(),
            quits: false,
            killed: None,
            refuses_calls: false,
            work: 0,
            held: 0,
            slice_ends: u64::MAX,
            slice_cycles: cycles::from_ns(slice_ns),
            kind,
            request: Request::default(),
            reply: Vec::new(),
            result: Vec::new(),
            finished: Finished::Replied,
            name: String::new(),
            script_resp3: false,
            client_resp3: false,
            arguments: 0,
            job: Job::Run,
            random: crate::redis::Random::default(),
            json: crate::json::Config::default(),
            text: Vec::new(),
            registered: None,
            loading_until: u64::MAX,
            handler: 0,
            places: sandbox::Places::default(),
        });
        let host = NonNull::from(Box::leak(host));
        // SAFETY: `allocate` is what `lua_newstate` asks for; the host lives until the state is closed.
        let state = unsafe { ffi::lua_newstate(allocate, host.as_ptr().cast()) };
        let state = NonNull::new(state).ok_or(std::io::ErrorKind::OutOfMemory)?;
        // SAFETY: a new state, reached by nobody else; the allocator never refuses.
        unsafe { prepare(state.as_ptr(), host.as_ptr()) };
        let coroutine = Coroutine::with_stack(stack, move |yielder, ()| {
            // SAFETY: this runs within `Vm::resume` only. See the module's text.
            unsafe { run_jobs(yielder, host.as_ptr(), state.as_ptr()) }
        });
        Ok(Self { host, state, coroutine, running: false, begins_slice: true })
    }

    fn host(&self) -> &Host {
        // SAFETY: the coroutine is suspended, and `&self` keeps it so.
        unsafe { self.host.as_ref() }
    }

    fn host_mut(&mut self) -> &mut Host {
        // SAFETY: the coroutine is suspended, and this is the only reference.
        unsafe { self.host.as_mut() }
    }

    /// The state as the safe functions see it. No script runs.
    fn frame(&mut self) -> Frame<'_> {
        // SAFETY: the state is ours, `strict` is off between jobs, and the frame lives no longer than `&mut self`.
        unsafe { Frame::new(self.state.as_ptr(), self.host.as_ptr()) }
    }

    /// Compiles a chunk that errors call `name` (`@user_script`).
    pub fn compile(&mut self, name: &str, source: &[u8]) -> Result<Reference, Vec<u8>> {
        assert!(!self.running, "a script runs");
        let mut frame = self.frame();
        frame.load(source, name.as_bytes())?;
        Ok(frame.keep())
    }

    /// Forgets a function.
    pub fn forget(&mut self, function: Reference) {
        assert!(!self.running, "a script runs");
        // SAFETY: releasing a reference only writes into the registry, where its place is.
        unsafe { ffi::luaL_unref(self.state.as_ptr(), ffi::LUA_REGISTRYINDEX, function.0) }
    }

    /// Prepares a call; [`Vm::resume`] runs it.
    pub fn begin<'k>(
        &mut self,
        call: &Call<'_>,
        keys: impl ExactSizeIterator<Item = &'k [u8]>,
        args: impl ExactSizeIterator<Item = &'k [u8]>,
    ) {
        assert!(!self.running, "a script runs");
        let globals = self.host().places.globals;
        let handler = self.host().handler;
        let mut frame = self.frame();
        frame.push_reference(Reference(handler));
        if call.globals {
            frame.push_reference(globals);
            frame.push_strings(keys);
            frame.set_field_raw(c"KEYS");
            frame.push_strings(args);
            frame.set_field_raw(c"ARGV");
            frame.pop(1);
            frame.push_reference(call.function);
        } else {
            frame.push_reference(call.function);
            frame.push_strings(keys);
            frame.push_strings(args);
        }
        let host = self.host_mut();
        host.arguments = if call.globals { 0 } else { 2 };
        host.job = Job::Run;
        // One that is killed before it begins does nothing.
        host.refuses_calls = host.killed.is_some();
        host.name.clear();
        host.name.push_str(call.name);
        host.client_resp3 = call.resp3;
        host.script_resp3 = false;
        host.loading_until = u64::MAX;
        // What one script sets is not for the next, which may run in another state.
        host.json = crate::json::Config::default();
        self.running = true;
    }

    /// Prepares the run of a library, which registers its functions: see [`Vm::registered`]. It must be over after `limit_ns`.
    pub fn begin_library(&mut self, source: &[u8], limit_ns: u64) -> Result<(), Vec<u8>> {
        assert!(!self.running, "a script runs");
        let limit = cycles::now().saturating_add(cycles::from_ns(limit_ns));
        let handler = self.host().handler;
        let mut frame = self.frame();
        frame.push_reference(Reference(handler));
        if let Err(message) = frame.load(source, b"@user_function") {
            frame.pop(1);
            return Err(message);
        }
        sandbox::show_library_api(&mut frame, true);
        let host = self.host_mut();
        host.arguments = 0;
        host.job = Job::Load;
        host.refuses_calls = true;
        host.name.clear();
        host.client_resp3 = false;
        host.script_resp3 = false;
        host.registered = Some(Vec::new());
        host.loading_until = if limit_ns == 0 { u64::MAX } else { limit };
        self.running = true;
        Ok(())
    }

    /// Lets the script run until the next event.
    pub fn resume(&mut self) -> Event {
        assert!(self.running, "no script runs");
        if std::mem::take(&mut self.begins_slice) {
            let host = self.host_mut();
            host.slice_ends = cycles::now().saturating_add(host.slice_cycles);
        }
        match self.coroutine.resume(()) {
            CoroutineResult::Yield(event) => {
                self.running = event != Event::Done;
                self.begins_slice = matches!(event, Event::Done | Event::Slice);
                event
            }
            CoroutineResult::Return(()) => Event::Done,
        }
    }

    /// Whether the script has run for as long as it may, what its calls took included; if so another slice begins.
    pub fn has_used_slice(&mut self) -> bool {
        self.begins_slice = cycles::now() >= self.host().slice_ends;
        self.begins_slice
    }

    pub fn is_running(&self) -> bool {
        self.running
    }

    /// What [`Event::Call`], [`Event::Check`] and [`Event::Log`] are about.
    pub fn request(&self) -> &Request {
        &self.host().request
    }

    /// Where the answer goes, as RESP bytes; empty when the event comes.
    pub fn reply(&mut self) -> &mut Vec<u8> {
        &mut self.host_mut().reply
    }

    /// The request and the place for its answer.
    pub fn exchange(&mut self) -> (&Request, &mut Vec<u8>) {
        let host = self.host_mut();
        (&host.request, &mut host.reply)
    }

    /// Whether replies of commands are to be in RESP3 (`redis.setresp`).
    pub fn wants_resp3(&self) -> bool {
        self.host().script_resp3
    }

    /// Has the script end with this error as soon as it runs on. Nothing that it does can stop that.
    pub fn kill(&mut self, message: &'static str) {
        let host = self.host_mut();
        host.killed = Some(message);
        host.refuses_calls = true;
    }

    /// How the script ended, and its reply as RESP bytes.
    pub fn finished(&mut self) -> (Finished, &[u8]) {
        let host = self.host_mut();
        (std::mem::take(&mut host.finished), &host.result)
    }

    /// The functions that a library registered.
    pub fn registered(&mut self) -> Vec<Registered> {
        self.host_mut().registered.take().unwrap_or_default()
    }

    /// Bytes that Lua holds.
    pub fn used_memory(&self) -> usize {
        self.host().used
    }

    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.host_mut().limit = bytes;
    }

    /// Frees everything that no script can reach any more.
    pub fn collect_garbage(&mut self) {
        assert!(!self.running, "a script runs");
        // SAFETY: no script runs, there are no finalizers, and the allocator never refuses.
        unsafe { ffi::lua_gc(self.state.as_ptr(), ffi::LUA_GCCOLLECT, 0) };
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.kill("Script killed by the end of its state");
        while self.running {
            self.reply().clear();
            self.reply().extend_from_slice(b"-ERR the script is over\r\n");
            self.resume();
        }
        self.host_mut().quits = true;
        let _ = self.coroutine.resume(());
        // SAFETY: the coroutine has returned, so nothing uses state and host any more; the host came from a box.
        unsafe {
            ffi::lua_close(self.state.as_ptr());
            drop(Box::from_raw(self.host.as_ptr()));
        }
    }
}

/// The coroutine: does one job after the other.
///
/// # Safety
/// Runs within [`Vm::resume`]; `host` and `l` live as long as it does.
unsafe fn run_jobs(yielder: &Yielder<(), Event>, host: *mut Host, l: *mut ffi::lua_State) {
    // SAFETY: see above; no reference to the host is held across a suspension or a call into Lua.
    unsafe {
        (*host).yielder = yielder;
        while !(*host).quits {
            run_job(host, l);
            (*host).killed = None;
            yielder.suspend(Event::Done);
        }
        (*host).yielder = ptr::null();
    }
}

/// # Safety
/// As [`run_jobs`]. The handler, the function and its arguments are on the stack.
unsafe fn run_job(host: *mut Host, l: *mut ffi::lua_State) {
    // SAFETY: the protected call contains every jump; around it the allocator never refuses.
    unsafe {
        let arguments = (*host).arguments;
        let results = if (*host).job == Job::Run { 1 } else { 0 };
        ffi::lua_sethook(l, Some(hook), ffi::LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
        (*host).strict = true;
        let status = ffi::lua_pcall(l, arguments, results, -(arguments + 2));
        (*host).strict = false;
        ffi::lua_sethook(l, None, 0, 0);
        // The frame reaches the host, too: no reference to it is held beside the frame.
        let mut frame = Frame::new(l, host);
        if (*host).job == Job::Load {
            sandbox::show_library_api(&mut frame, false);
        }
        let mut result = std::mem::take(&mut (*host).result);
        result.clear();
        if result.capacity() > KEPT_BYTES {
            result = Vec::new();
        }
        let finished = if status != ffi::LUA_OK {
            let name = std::mem::take(&mut (*host).name);
            let finished = convert::failure(&mut frame, &name, (*host).job == Job::Load);
            (*host).name = name;
            finished
        } else if (*host).job == Job::Run {
            let (resp3, script3) = ((*host).client_resp3, (*host).script_resp3);
            convert::to_reply(&mut frame, &mut result, resp3, script3)
        } else {
            Finished::Replied
        };
        (*host).finished = finished;
        (*host).result = result;
        ffi::lua_settop(l, 0);
    }
}

/// Gives memory to Lua and takes it back.
unsafe extern "C" fn allocate(
    host: *mut c_void,
    old: *mut c_void,
    old_size: usize,
    size: usize,
) -> *mut c_void {
    // SAFETY: `host` is the one that the state was made with; its counters are used nowhere else meanwhile. Lua says
    // how large the old block is, which came from here with that size.
    unsafe {
        let host = host.cast::<Host>();
        let old_size = if old.is_null() { 0 } else { old_size };
        if size > old_size
            && (*host).strict
            && (*host).used + (*host).held + (size - old_size) > (*host).limit
        {
            return ptr::null_mut();
        }
        let layout = |size| Layout::from_size_align_unchecked(size, ALIGNMENT);
        let new = match (old_size, size) {
            (0, 0) => ptr::null_mut(),
            (_, 0) => {
                std::alloc::dealloc(old.cast(), layout(old_size));
                ptr::null_mut()
            }
            (0, _) => std::alloc::alloc(layout(size)),
            _ => std::alloc::realloc(old.cast(), layout(old_size), size),
        };
        if new.is_null() && size > 0 {
            if !(*host).strict {
                std::alloc::handle_alloc_error(layout(size));
            }
            return new.cast();
        }
        (*host).used = (*host).used + size - old_size;
        new.cast()
    }
}

/// The host of a state.
///
/// # Safety
/// `l` must be a state made by [`Vm::new`], or one of its threads.
pub(crate) unsafe fn host_of(l: *mut ffi::lua_State) -> *mut Host {
    let mut host = ptr::null_mut();
    // SAFETY: the allocator's userdata is the host.
    unsafe { ffi::lua_getallocf(l, &mut host) };
    host.cast()
}

/// Stops the script for an event.
///
/// # Safety
/// Called inside the coroutine; the caller holds no reference to the host.
pub(crate) unsafe fn suspend(host: *mut Host, event: Event) {
    // SAFETY: the yielder is valid while the coroutine runs.
    unsafe {
        let strict = std::mem::replace(&mut (*host).strict, false);
        (*(*host).yielder).suspend(event);
        (*host).strict = strict;
    }
}

/// Counts what a function did, in bytes, and looks at the clock ([`tick`]) now and then.
///
/// # Safety
/// As [`suspend`].
pub(crate) unsafe fn spend(host: *mut Host, bytes: usize) -> Option<&'static str> {
    // SAFETY: as above.
    unsafe {
        (*host).work = (*host).work.saturating_add(bytes);
        if (*host).work < WORK_PER_TICK {
            return None;
        }
        (*host).work = 0;
        tick(host)
    }
}

/// Whether the script must end, after giving others a moment if its time is over.
///
/// # Safety
/// As [`suspend`].
pub(crate) unsafe fn tick(host: *mut Host) -> Option<&'static str> {
    // SAFETY: as above; only fields are read, and not across the suspension.
    unsafe {
        let now = cycles::now();
        if now >= (*host).slice_ends && (*host).killed.is_none() {
            suspend(host, Event::Slice);
        }
        if now >= (*host).loading_until {
            return Some("FUNCTION LOAD timeout");
        }
        (*host).killed
    }
}

/// Called every so many instructions.
unsafe extern "C-unwind" fn hook(l: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: nothing is to be dropped when the error is raised.
    unsafe {
        if let Some(message) = tick(host_of(l)) {
            // From now on every instruction fails: whoever catches the error gets no further.
            ffi::lua_sethook(l, Some(hook), ffi::LUA_MASKCOUNT, 1);
            raise(l, Error::table(message));
        }
    }
}

/// Runs a safe function for Lua, and fails as Lua does when all of its values are gone.
pub(crate) unsafe extern "C-unwind" fn trampoline(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: the first upvalue is a `Function`, put there by `Frame::push_function`. See the module's text for the
    // rest.
    unsafe {
        let host = host_of(l);
        let function = ffi::lua_touserdata(l, ffi::lua_upvalueindex(1));
        let function = std::mem::transmute::<*mut c_void, Function>(function);
        let strict = std::mem::replace(&mut (*host).strict, false);
        let returned = {
            let mut frame = Frame::of_function(l, host);
            match function(&mut frame) {
                Ok(count) => count,
                Err(error) => {
                    frame.push_error(error);
                    -1
                }
            }
        };
        (*host).strict = strict;
        if returned < 0 {
            ffi::lua_error(l);
        }
        returned
    }
}

/// Fails, as a function or a hook that Lua called.
///
/// # Safety
/// Inside of such a one, with nothing of the caller's to be dropped.
pub(crate) unsafe fn raise(l: *mut ffi::lua_State, error: Error) -> ! {
    // SAFETY: see above; the error is gone when it is raised.
    unsafe {
        let host = host_of(l);
        let strict = std::mem::replace(&mut (*host).strict, false);
        // A hook, too, has the room of a function that was just called, however much the script has on its stack.
        Frame::of_function(l, host).push_error(error);
        (*host).strict = strict;
        ffi::lua_error(l)
    }
}

/// Gets every error of a script: makes a table of it that says where it happened.
unsafe extern "C-unwind" fn error_handler(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: only Lua is called, and nothing is to be dropped.
    unsafe {
        let host = host_of(l);
        let strict = std::mem::replace(&mut (*host).strict, false);
        let mut frame = Frame::of_function(l, host);
        frame.set_top(1);
        if frame.type_of(1) != Type::Table {
            frame.describe_error();
            frame.push_error_table_from_top();
        }
        let mut place: ffi::lua_Debug = std::mem::zeroed();
        let mut found = ffi::lua_getstack(l, 1, &mut place) != 0;
        if found {
            ffi::lua_getinfo(l, c"Sl".as_ptr(), &mut place);
            if CStr::from_ptr(place.what) == c"C" {
                found = ffi::lua_getstack(l, 2, &mut place) != 0;
                if found {
                    ffi::lua_getinfo(l, c"Sl".as_ptr(), &mut place);
                }
            }
        }
        if found {
            frame.push_bytes(CStr::from_ptr(place.source).to_bytes());
            frame.set_field_raw(c"source");
            frame.push_number(f64::from(place.currentline));
            frame.set_field_raw(c"line");
        }
        (*host).strict = strict;
        1
    }
}

/// Opens the libraries and builds the sandbox.
///
/// # Safety
/// A new state that nobody else knows.
unsafe fn prepare(l: *mut ffi::lua_State, host: *mut Host) {
    // SAFETY: the allocator never refuses; opening Lua's own libraries fails in no other way.
    unsafe {
        for (name, open) in [
            (c"", ffi::luaopen_base as ffi::lua_CFunction),
            (c"table", ffi::luaopen_table),
            (c"string", ffi::luaopen_string),
            (c"math", ffi::luaopen_math),
        ] {
            ffi::lua_pushcclosure(l, open, 0);
            ffi::lua_pushstring_(l, name.as_ptr());
            ffi::lua_call(l, 1, 0);
        }
        ffi::lua_pushcclosure(l, error_handler, 0);
        let handler = ffi::luaL_ref(l, ffi::LUA_REGISTRYINDEX);
        let mut frame = Frame::new(l, host);
        sandbox::build(&mut frame);
        (*host).handler = handler;
        ffi::lua_settop(l, 0);
        ffi::lua_gc(l, ffi::LUA_GCCOLLECT, 0);
    }
}

impl Host {
    pub(crate) fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    pub(crate) fn used_memory(&self) -> usize {
        self.used
    }

    /// Counts bytes that are held while Lua is called; returns what was counted before.
    pub(crate) fn hold(&mut self, bytes: usize) -> usize {
        let before = self.held;
        self.held = before.saturating_add(bytes);
        before
    }

    pub(crate) fn holds_again(&mut self, before: usize) {
        self.held = before;
    }

    /// Why no command may be called.
    #[cold]
    pub(crate) fn refusal(&self, name: &str) -> Error {
        match self.killed {
            Some(message) => Error::table(message),
            None => Error::Table(
                format!("{name} can only be called inside a script invocation").into_bytes().into(),
            ),
        }
    }

    pub(crate) fn memory_limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn is_over_limit(&self, more: usize) -> bool {
        (self.used + self.held).saturating_add(more) > self.limit
    }
}

/// An error for lack of memory, in Lua's words.
pub(crate) const NO_MEMORY: Error = Error::Plain(std::borrow::Cow::Borrowed(b"not enough memory"));
