//! `redis`, and those parts of `math` that give chance.

use crate::convert;
use crate::error::Error;
use crate::frame::{Frame, Function, Type};
use crate::sandbox::set_functions;
use crate::vm::{Event, KEPT_BYTES, NO_MEMORY, Registered};
use sha1::{Digest, Sha1};
use std::ffi::{CStr, c_int};

/// What `redis.REDIS_VERSION` says.
const VERSION: &str = "7.2.0";
const VERSION_NUMBER: f64 = 0x0007_0200 as f64;

/// A line of the log is no longer.
const LOG_MAX: usize = 1 << 20;

const LOG_LEVELS: &[(&CStr, f64)] =
    &[(c"LOG_DEBUG", 0.0), (c"LOG_VERBOSE", 1.0), (c"LOG_NOTICE", 2.0), (c"LOG_WARNING", 3.0)];

const REPLICATION: &[(&CStr, f64)] = &[
    (c"REPL_NONE", 0.0),
    (c"REPL_AOF", 1.0),
    (c"REPL_SLAVE", 2.0),
    (c"REPL_REPLICA", 2.0),
    (c"REPL_ALL", 3.0),
];

const API: &[(&CStr, Function)] = &[
    (c"call", call),
    (c"pcall", pcall),
    (c"log", log),
    (c"setresp", setresp),
    (c"sha1hex", sha1hex),
    (c"error_reply", error_reply),
    (c"status_reply", status_reply),
    (c"set_repl", set_repl),
    (c"acl_check_cmd", acl_check_cmd),
];

/// For scripts only, not for functions.
const EVAL_API: &[(&CStr, Function)] =
    &[(c"breakpoint", breakpoint), (c"debug", debug), (c"replicate_commands", replicate_commands)];

pub(crate) const MATH: &[(&CStr, Function)] = &[(c"random", random), (c"randomseed", randomseed)];

pub(crate) fn push_api(frame: &mut Frame<'_>, for_eval: bool) {
    frame.push_table(0, 24);
    set_functions(frame, API);
    if for_eval {
        set_functions(frame, EVAL_API);
    }
    set_constants(frame, LOG_LEVELS);
    set_constants(frame, REPLICATION);
    set_version(frame);
}

/// What a library sees while it is loaded.
pub(crate) fn push_library_api(frame: &mut Frame<'_>) {
    frame.push_table(0, 8);
    set_functions(frame, &[(c"register_function", register_function), (c"log", log)]);
    set_constants(frame, LOG_LEVELS);
    set_version(frame);
}

fn set_constants(frame: &mut Frame<'_>, constants: &[(&CStr, f64)]) {
    for &(name, value) in constants {
        frame.push_number(value);
        frame.set_field_raw(name);
    }
}

fn set_version(frame: &mut Frame<'_>) {
    frame.push_bytes(VERSION.as_bytes());
    frame.set_field_raw(c"REDIS_VERSION");
    frame.push_number(VERSION_NUMBER);
    frame.set_field_raw(c"REDIS_VERSION_NUM");
}

fn is_loading(frame: &mut Frame<'_>) -> bool {
    frame.host().registered.is_some()
}

fn call(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    run_command(frame, true)
}

fn pcall(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    run_command(frame, false)
}

fn run_command(frame: &mut Frame<'_>, raises: bool) -> Result<c_int, Error> {
    if frame.host().refuses_calls {
        return Err(frame.host().refusal("redis.call/pcall"));
    }
    if let Err(error) = take_arguments(frame) {
        if raises {
            return Err(error);
        }
        frame.push_error(error);
        return Ok(1);
    }
    frame.set_top(0);
    frame.host().reply.clear();
    frame.suspend(Event::Call);
    let mut reply = std::mem::take(&mut frame.host().reply);
    frame.check_memory(reply.len())?;
    let failed = reply.first() == Some(&b'-');
    convert::to_value(frame, &reply)?;
    if reply.capacity() <= KEPT_BYTES {
        reply.clear();
        frame.host().reply = reply;
    }
    if failed && raises { Err(Error::Value) } else { Ok(1) }
}

/// Makes a request of the arguments.
fn take_arguments(frame: &mut Frame<'_>) -> Result<(), Error> {
    let count = frame.top();
    if count == 0 {
        return Err(Error::table("Please specify at least one argument for this redis lib call"));
    }
    let mut request = std::mem::take(&mut frame.host().request);
    request.clear();
    let mut result = Ok(());
    for index in 1..=count {
        let start = request.bytes.len();
        match frame.type_of(index) {
            Type::String => request.bytes.extend_from_slice(frame.bytes(index).unwrap_or_default()),
            Type::Number => {
                crate::format::argument(frame.number(index).unwrap_or_default(), &mut request.bytes)
            }
            _ => {
                result = Err(Error::table("Lua redis lib command arguments must be strings or integers"));
                break;
            }
        }
        if !request.end(start) {
            result = Err(NO_MEMORY);
            break;
        }
    }
    frame.host().request = request;
    result
}

fn acl_check_cmd(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.host().refuses_calls {
        return Err(frame.host().refusal("redis.acl_check_cmd"));
    }
    take_arguments(frame)?;
    frame.set_top(0);
    frame.host().reply.clear();
    frame.suspend(Event::Check);
    let answer = frame.host().reply.first_chunk::<2>().copied();
    match answer {
        Some([b':', digit]) => {
            frame.push_boolean(digit == b'1');
            Ok(1)
        }
        _ => Err(Error::table("Invalid command passed to redis.acl_check_cmd()")),
    }
}

fn sha1hex(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.top() != 1 {
        return Err(Error::table("wrong number of arguments"));
    }
    let text = frame.to_bytes(1).unwrap_or_default();
    let (digest, len) = (Sha1::digest(text), text.len());
    frame.spend(len)?;
    let mut hex = [0; 40];
    for (index, byte) in digest.iter().enumerate() {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        hex[2 * index] = DIGITS[usize::from(byte >> 4)];
        hex[2 * index + 1] = DIGITS[usize::from(byte & 15)];
    }
    frame.push_bytes(&hex);
    Ok(1)
}

const WRONG_ARGUMENTS: &[u8] = b"wrong number or type of arguments";

fn error_reply(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.top() != 1 || frame.type_of(1) != Type::String {
        frame.push_error_table(WRONG_ARGUMENTS, false);
        return Ok(1);
    }
    let mut line = frame.bytes(1).unwrap_or_default().to_vec();
    if line.first() != Some(&b'-') {
        line.insert(0, b'-');
    }
    frame.push_error_table(&line, false);
    Ok(1)
}

fn status_reply(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.top() != 1 || frame.type_of(1) != Type::String {
        frame.push_error_table(WRONG_ARGUMENTS, false);
        return Ok(1);
    }
    frame.push_table(0, 1);
    frame.push_copy(1);
    frame.set_field_raw(c"ok");
    Ok(1)
}

/// What a script writes is always logged: its flags are looked at, and then forgotten.
fn set_repl(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if is_loading(frame) {
        return Err(Error::table("redis.set_repl can only be called inside a script invocation"));
    }
    if frame.top() != 1 {
        return Err(Error::table("redis.set_repl() requires two arguments."));
    }
    let flags = frame.number(1).unwrap_or_default() as i64;
    if flags & !3 != 0 {
        return Err(Error::table(
            "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        ));
    }
    Ok(0)
}

fn log(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let count = frame.top();
    if count < 2 {
        return Err(Error::table("redis.log() requires two arguments or more."));
    }
    let Some(level) = frame.number(1) else {
        return Err(Error::table("First argument must be a number (log level)."));
    };
    let level = level as i64;
    if !(0..=3).contains(&level) {
        return Err(Error::table("Invalid debug level."));
    }
    let mut request = std::mem::take(&mut frame.host().request);
    request.clear();
    for index in 2..=count {
        if let Some(text) = frame.to_bytes(index) {
            if index > 2 {
                request.bytes.push(b' ');
            }
            request.bytes.extend_from_slice(text);
        }
        if request.bytes.len() > LOG_MAX {
            request.bytes.truncate(LOG_MAX);
            break;
        }
    }
    request.end(0);
    frame.host().request = request;
    frame.suspend(Event::Log(level as i32));
    Ok(0)
}

fn setresp(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if is_loading(frame) {
        return Err(Error::table("redis.setresp can only be called inside a script invocation"));
    }
    if frame.top() != 1 {
        return Err(Error::table("redis.setresp() requires one argument."));
    }
    match frame.number(1).unwrap_or_default() as i64 {
        version @ (2 | 3) => frame.host().script_resp3 = version == 3,
        _ => return Err(Error::table("RESP version must be 2 or 3.")),
    }
    Ok(0)
}

/// There is no debugger.
fn breakpoint(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    frame.push_boolean(false);
    Ok(1)
}

fn debug(_: &mut Frame<'_>) -> Result<c_int, Error> {
    Ok(0)
}

fn replicate_commands(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    frame.push_boolean(true);
    Ok(1)
}

fn register_function(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if !is_loading(frame) {
        return Err(Error::table("redis.register_function can only be called on FUNCTION LOAD command"));
    }
    let registered = match frame.top() {
        1 => named_function(frame)?,
        2 => positional_function(frame)?,
        _ => return Err(Error::table("wrong number of arguments to redis.register_function")),
    };
    let known = frame.host().registered.as_deref().unwrap_or_default();
    let error = if registered.name.is_empty() || !registered.name.iter().all(|byte| is_name_byte(*byte)) {
        Some(
            "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        )
    } else if known.iter().any(|other| other.name == registered.name) {
        Some("Function already exists in the library")
    } else {
        None
    };
    if let Some(error) = error {
        frame.release(registered.function);
        return Err(Error::table(error));
    }
    if let Some(all) = &mut frame.host().registered {
        all.push(registered);
    }
    Ok(0)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn positional_function(frame: &mut Frame<'_>) -> Result<Registered, Error> {
    let Some(name) = frame.to_bytes(1).map(<[u8]>::to_vec) else {
        return Err(Error::table("first argument to redis.register_function must be a string"));
    };
    if frame.type_of(2) != Type::Function {
        return Err(Error::table("second argument to redis.register_function must be a function"));
    }
    let function = frame.keep();
    Ok(Registered { name, description: None, flags: Vec::new(), function })
}

fn named_function(frame: &mut Frame<'_>) -> Result<Registered, Error> {
    if frame.type_of(1) != Type::Table {
        return Err(Error::table(
            "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ));
    }
    let (mut name, mut description, mut flags, mut has_function) = (None, None, Vec::new(), false);
    frame.push_nil();
    // The function is kept at index 2, in front of key and value.
    frame.push_nil();
    while frame.next(1) {
        let text = |frame: &mut Frame<'_>, index| frame.to_bytes(index).map(<[u8]>::to_vec);
        if !matches!(frame.type_of(-2), Type::String | Type::Number) {
            return Err(Error::table("named argument key given to redis.register_function is not a string"));
        }
        let key = frame.bytes(-2).unwrap_or_default().to_ascii_lowercase();
        match &key[..] {
            b"function_name" => {
                name = Some(text(frame, -1).ok_or(Error::table(
                    "function_name argument given to redis.register_function must be a string",
                ))?);
            }
            b"description" => {
                description = Some(text(frame, -1).ok_or(Error::table(
                    "description argument given to redis.register_function must be a string",
                ))?);
            }
            b"callback" => {
                if frame.type_of(-1) != Type::Function {
                    return Err(Error::table(
                        "callback argument given to redis.register_function must be a function",
                    ));
                }
                frame.push_copy(-1);
                frame.insert(2);
                frame.remove(3);
                has_function = true;
            }
            b"flags" => {
                if frame.type_of(-1) != Type::Table {
                    return Err(Error::table(
                        "flags argument to redis.register_function must be a table representing function flags",
                    ));
                }
                flags = function_flags(frame)?;
            }
            _ => return Err(Error::table("unknown argument given to redis.register_function")),
        }
        frame.pop(1);
    }
    let Some(name) = name else {
        return Err(Error::table("redis.register_function must get a function name argument"));
    };
    if !has_function {
        return Err(Error::table("redis.register_function must get a callback argument"));
    }
    frame.push_copy(2);
    let function = frame.keep();
    Ok(Registered { name, description, flags, function })
}

/// The flags in the table on top.
const FLAGS: &[&[u8]] =
    &[b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster", b"allow-cross-slot-keys"];

fn function_flags(frame: &mut Frame<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let mut flags = Vec::new();
    for index in 1.. {
        frame.push_index(-1, index);
        let flag = match frame.type_of(-1) {
            Type::Nil => {
                frame.pop(1);
                break;
            }
            _ => frame.bytes(-1).map(<[u8]>::to_ascii_lowercase),
        };
        frame.pop(1);
        match flag.filter(|flag| FLAGS.contains(&&flag[..])) {
            Some(flag) if !flags.contains(&flag) => flags.push(flag),
            Some(_) => {}
            None => return Err(Error::table("unknown flag given")),
        }
    }
    Ok(flags)
}

/// The generator of `math.random`: that of `drand48`, so that a seed gives the numbers that Redis gives.
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x1234_abcd_330e)
    }
}

impl Random {
    const MAX: i32 = i32::MAX;

    fn seed(&mut self, seed: i32) {
        self.0 = u64::from(seed as u32) << 16 | 0x330e;
    }

    fn next(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & ((1 << 48) - 1);
        (self.0 >> 17) as i32
    }
}

fn random(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if is_loading(frame) {
        return Err(Error::text("math.random can only be called inside a script invocation"));
    }
    let r = f64::from(frame.host().random.next() % Random::MAX) / f64::from(Random::MAX);
    let int = |frame: &Frame<'_>, index| frame.check_integer(index).map(|number| number as i32);
    let number = match frame.top() {
        0 => r,
        1 => {
            let upper = int(frame, 1)?;
            if upper < 1 {
                return Err(Error::argument(1, "interval is empty"));
            }
            (r * f64::from(upper)).floor() + 1.0
        }
        2 => {
            let (lower, upper) = (int(frame, 1)?, int(frame, 2)?);
            if lower > upper {
                return Err(Error::argument(2, "interval is empty"));
            }
            (r * f64::from(upper.wrapping_sub(lower).wrapping_add(1))).floor() + f64::from(lower)
        }
        _ => return Err(Error::text("wrong number of arguments")),
    };
    frame.push_number(number);
    Ok(1)
}

fn randomseed(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let seed = frame.check_integer(1)?;
    frame.host().random.seed(seed as i32);
    Ok(0)
}
