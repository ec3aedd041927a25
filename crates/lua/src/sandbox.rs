//! What a script finds, and what it can't change.
//!
//! Redis' Lua has read-only tables; Lua's own has not. Here a read-only table is an empty *front* whose metatable reads
//! from the table behind it and refuses to write. The functions that don't ask metatables know fronts and do the same
//! ([`crate::natives`]): `rawset`, `setmetatable` and those of `table` that write refuse them, `next`, `pairs` and `rawget` look behind. Nothing
//! hands out the table behind a front. So what one script does to its globals, or to a library, can't reach the next.

use crate::error::Error;
use crate::frame::{Frame, Function, Type};
use crate::natives::{Guard, Native};
use crate::vm::{Kind, Reference};
use crate::{bits, json, msgpack, pack, patterns, redis, strings};
use std::ffi::{CStr, c_int};

/// What Redis answers to an attempt to change what can't be.
pub(crate) const READ_ONLY: &CStr = c"Attempt to modify a readonly table";

/// Tables that are needed again.
#[derive(Clone, Copy, Default)]
pub(crate) struct Places {
    /// The table behind the globals, where KEYS and ARGV go.
    pub globals: Reference,
    /// Fronts, and what is behind them.
    pub proxies: Reference,
    pub next: Reference,
    /// The metatable of the globals, which says what is behind them.
    globals_metatable: Reference,
    /// What a library sees while it is loaded.
    library_api: Reference,
    /// What `getmetatable` shows of the globals and of strings.
    shown_globals: Reference,
    shown_strings: Reference,
}

/// Lua's functions that scripts may use as they are.
const BUILTINS: &[&CStr] = &[
    c"tostring",
    c"assert",
    c"tonumber",
    c"rawequal",
    c"type",
    c"_VERSION",
    c"select",
    c"gcinfo",
    c"ipairs",
    c"error",
];

/// Builds the globals in a state in which Lua's own libraries are open.
pub(crate) fn build(frame: &mut Frame<'_>) {
    frame.push_table(0, 32);
    frame.host().places.proxies = frame.keep();
    frame.push_native(Native::Next);
    frame.host().places.next = frame.keep();

    frame.push_globals();
    let old = frame.top();
    frame.push_table(0, 48);
    let new = frame.top();
    for &name in BUILTINS {
        frame.push_field_raw(old, name);
        frame.set_field_raw(name);
    }
    for (name, guard) in
        [(c"rawset", Guard::Refuse), (c"setmetatable", Guard::Refuse), (c"rawget", Guard::LookBehind)]
    {
        frame.push_field_raw(old, name);
        frame.guard(guard);
        frame.set_field_raw(name);
    }
    for (name, native) in [
        (c"pcall", Native::ProtectedCall),
        (c"xpcall", Native::HandledCall),
        (c"next", Native::Next),
        (c"pairs", Native::Pairs),
    ] {
        frame.push_native(native);
        frame.set_field_raw(name);
    }
    set_functions(
        frame,
        &[
            (c"getmetatable", getmetatable),
            (c"collectgarbage", collectgarbage),
            (c"unpack", unpack),
            (c"load", load),
            (c"loadstring", loadstring),
        ],
    );

    frame.push_field_raw(old, c"coroutine");
    for name in [c"create", c"wrap"] {
        frame.push_field_raw(-1, name);
        frame.guard(Guard::Tick);
        frame.set_field_raw(name);
    }
    set_library(frame, c"coroutine");

    frame.push_field_raw(old, c"table");
    for name in [c"insert", c"remove", c"setn"] {
        frame.push_field_raw(-1, name);
        frame.guard(Guard::Refuse);
        frame.set_field_raw(name);
    }
    frame.push_field_raw(-1, c"foreach");
    frame.guard(Guard::LookBehind);
    frame.set_field_raw(c"foreach");
    frame.push_native(Native::Sort);
    frame.set_field_raw(c"sort");
    set_library(frame, c"table");

    frame.push_field_raw(old, c"string");
    set_functions(frame, patterns::FUNCTIONS);
    set_functions(frame, strings::FUNCTIONS);
    set_library(frame, c"string");
    frame.push_bytes(b"");
    if frame.push_metatable(-1) {
        frame.push_field_raw(old, c"string");
        frame.set_field_raw(c"__index");
        frame.pop(1);
    }
    frame.pop(1);

    frame.push_field_raw(old, c"math");
    set_functions(frame, redis::MATH);
    set_library(frame, c"math");

    // How long it has run is all that a script may ask the system.
    frame.push_table(0, 1);
    set_functions(frame, &[(c"clock", clock)]);
    set_library(frame, c"os");

    json::build(frame);
    set_library(frame, c"cjson");
    for (name, functions) in
        [(c"struct", pack::FUNCTIONS), (c"bit", bits::FUNCTIONS), (c"cmsgpack", msgpack::FUNCTIONS)]
    {
        frame.push_table(0, 16);
        set_functions(frame, functions);
        if name == c"cmsgpack" {
            msgpack::describe(frame);
        }
        set_library(frame, name);
    }

    let for_eval = frame.host().kind == Kind::Eval;
    redis::push_api(frame, for_eval);
    push_front(frame);
    frame.push_copy(-1);
    frame.set_field_at(new, c"redis");
    frame.set_field_at(new, c"server");
    refuse_unknown_names(frame, new);

    // What `getmetatable` shows.
    frame.push_table(0, 1);
    set_functions(frame, &[(c"__index", no_such_global)]);
    push_front(frame);
    frame.host().places.shown_globals = frame.keep();
    frame.push_table(0, 1);
    frame.push_field_raw(new, c"string");
    frame.set_field_raw(c"__index");
    push_front(frame);
    frame.host().places.shown_strings = frame.keep();

    frame.push_copy(new);
    push_front(frame);
    frame.push_copy(-1);
    frame.set_field_at(new, c"_G");
    frame.push_copy(new);
    frame.host().places.globals = frame.keep();
    if frame.push_metatable(-1) {
        frame.host().places.globals_metatable = frame.keep();
    }
    frame.set_globals();
    frame.set_top(0);

    frame.push_table(0, 1);
    redis::push_library_api(frame);
    refuse_unknown_names(frame, 2);
    push_front(frame);
    frame.set_field_raw(c"redis");
    refuse_unknown_names(frame, 1);
    frame.host().places.library_api = frame.keep();
    frame.set_top(0);
}

/// What isn't in a table can't even be read.
fn refuse_unknown_names(frame: &mut Frame<'_>, table: c_int) {
    frame.push_table(0, 1);
    set_functions(frame, &[(c"__index", no_such_global)]);
    frame.set_metatable(table);
}

/// Puts behind the globals what a library sees while it is loaded, or what its functions see later.
pub(crate) fn show_library_api(frame: &mut Frame<'_>, while_loading: bool) {
    let places = frame.host().places;
    frame.push_reference(places.globals_metatable);
    frame.push_reference(if while_loading { places.library_api } else { places.globals });
    frame.set_field_raw(c"__index");
    frame.pop(1);
}

/// Sets functions in the table on top.
pub(crate) fn set_functions(frame: &mut Frame<'_>, functions: &[(&CStr, Function)]) {
    for &(name, function) in functions {
        frame.push_function(function);
        frame.set_field_raw(name);
    }
}

/// Makes the table on top a read-only library of the globals below it.
fn set_library(frame: &mut Frame<'_>, name: &CStr) {
    push_front(frame);
    frame.set_field_raw(name);
}

/// Replaces the table on top by a front of it.
fn push_front(frame: &mut Frame<'_>) {
    frame.push_table(0, 0);
    // Its metatable.
    frame.push_table(0, 3);
    frame.push_copy(-3);
    frame.set_field_raw(c"__index");
    set_functions(frame, &[(c"__newindex", read_only)]);
    frame.push_boolean(false);
    frame.set_field_raw(c"__metatable");
    frame.set_metatable(-2);
    // proxies[front] = table
    let proxies = frame.host().places.proxies;
    frame.push_reference(proxies);
    frame.push_copy(-2);
    frame.push_copy(-4);
    let _ = frame.set_raw(-3);
    frame.pop(1);
    frame.remove(-2);
}

fn read_only(_: &mut Frame<'_>) -> Result<c_int, Error> {
    Err(Error::Text(READ_ONLY.to_bytes().into()))
}

fn no_such_global(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.top() != 2 {
        return Err(Error::text("Wrong number of arguments to luaProtectedTableError"));
    }
    let Some(name) = frame.to_bytes(2) else {
        return Err(Error::text("Second argument to luaProtectedTableError must be a string or number"));
    };
    let mut text = b"Script attempted to access nonexistent global variable '".to_vec();
    text.extend_from_slice(name.split(|byte| *byte == 0).next().unwrap_or_default());
    text.push(b'\'');
    Err(Error::Text(text.into()))
}

fn getmetatable(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let kind = frame.type_of(1);
    if kind == Type::None {
        return Err(Error::argument(1, "value expected"));
    }
    let places = frame.host().places;
    if kind == Type::String {
        frame.push_reference(places.shown_strings);
        return Ok(1);
    }
    if !frame.push_metatable(1) {
        frame.push_nil();
        return Ok(1);
    }
    if kind == Type::Table {
        frame.push_reference(places.proxies);
        frame.push_copy(1);
        frame.get_raw(-2);
        if frame.type_of(-1) == Type::Table {
            frame.push_reference(places.globals);
            if frame.same(-1, -2) {
                frame.push_reference(places.shown_globals);
            } else {
                frame.push_nil();
            }
            return Ok(1);
        }
        frame.pop(2);
    }
    frame.push_field_raw(-1, c"__metatable");
    if frame.type_of(-1) == Type::Nil {
        frame.pop(1);
    }
    Ok(1)
}

/// Collects when asked to. How eagerly it goes on its own isn't for scripts to say: others use the state after them.
fn collectgarbage(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let option = if frame.is_none_or_nil(1) { b"collect".to_vec() } else { frame.check_bytes(1)?.to_vec() };
    frame.optional_integer(2, 0)?;
    match &option[..] {
        b"collect" => {
            frame.collect();
            frame.push_number(0.0);
        }
        b"count" => {
            let bytes = frame.host().used_memory();
            frame.push_number(bytes as f64 / 1024.0);
        }
        b"step" => {
            frame.collect();
            frame.push_boolean(true);
        }
        b"stop" | b"restart" => frame.push_number(0.0),
        b"setpause" | b"setstepmul" => frame.push_number(200.0),
        other => {
            let text = [b"invalid option '", other, b"'"].concat();
            return Err(Error::Argument(1, text.into()));
        }
    }
    Ok(1)
}

/// `unpack`, whose own C code can be made to count wrong.
fn unpack(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.type_of(1) != Type::Table {
        return Err(Error::Type(1, "table"));
    }
    // As C cuts them off.
    let int = |number: i64| i64::from(number as c_int);
    let from = int(frame.optional_integer(2, 1)?);
    let to = if frame.is_none_or_nil(3) { frame.len(1) as i64 } else { int(frame.check_integer(3)?) };
    if from > to {
        return Ok(0);
    }
    let count = to - from + 1;
    if count > 8_000 || !frame.has_last_room(count as usize) {
        return Err(Error::text("too many results to unpack"));
    }
    frame.spend(8 * count as usize)?;
    for index in from..=to {
        frame.push_index(1, index as c_int);
    }
    Ok(count as c_int)
}

/// `loadstring`: source only.
fn loadstring(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let source = frame.check_bytes(1)?.to_vec();
    let name = if frame.is_none_or_nil(2) { source.clone() } else { frame.check_bytes(2)?.to_vec() };
    load_source(frame, &source, &name)
}

/// `load`: the pieces of the source come from a function.
fn load(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    if frame.type_of(1) != Type::Function {
        return Err(Error::Type(1, "function"));
    }
    let name = if frame.is_none_or_nil(2) { b"=(load)".to_vec() } else { frame.check_bytes(2)?.to_vec() };
    let mut source = Vec::new();
    loop {
        frame.set_top(1);
        frame.push_copy(1);
        if let Err(error) = frame.call(0, 1, source.len()) {
            let Error::Value = error else { return Err(error) };
            // As Lua's own: an error of the function is an error of the load.
            frame.push_nil();
            frame.insert(-2);
            return Ok(2);
        }
        if frame.type_of(-1) == Type::Nil {
            break;
        }
        let Some(piece) = frame.to_bytes(-1) else {
            frame.push_nil();
            frame.push_bytes(b"reader function must return a string");
            return Ok(2);
        };
        if piece.is_empty() {
            break;
        }
        source.extend_from_slice(piece);
        frame.check_memory(source.len())?;
    }
    load_source(frame, &source, &name)
}

fn load_source(frame: &mut Frame<'_>, source: &[u8], name: &[u8]) -> Result<c_int, Error> {
    match frame.load(source, name) {
        Ok(()) => Ok(1),
        Err(message) => {
            frame.push_nil();
            frame.push_bytes(&message);
            Ok(2)
        }
    }
}

fn clock(frame: &mut Frame<'_>) -> Result<c_int, Error> {
    let ns = dunlin_structures::cycles::to_ns(dunlin_structures::cycles::now());
    frame.push_number(ns as f64 / 1e9);
    Ok(1)
}
