//! Lua's stack, for safe code.
//!
//! A [`Frame`] is what a function sees of the state: its arguments, at indices from 1 on, and whatever it pushes. No
//! method can fail in Lua's own way, by a jump: each either can't fail at all (while a frame is in use the allocator
//! never refuses), or checks beforehand what Lua would complain about. Tables are read and written without
//! their metamethods. Bytes that are lent from the stack are borrowed from the frame, so nothing can be popped meanwhile.
#![expect(unsafe_code, reason = "Lua's C interface; see above")]

use crate::error::Error;
use crate::format;
use crate::natives::{self, Guard, Native};
use crate::vm::{self, Event, Host, Reference};
use mlua_sys::lua51 as ffi;
use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;

/// A function that Lua can call: gets its arguments in the frame, and returns how many results it has pushed.
pub type Function = fn(&mut Frame<'_>) -> Result<c_int, Error>;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    None,
    Nil,
    Boolean,
    LightUserdata,
    Number,
    String,
    Table,
    Function,
    Userdata,
    Thread,
}

/// A number as the 64-bit integer that C makes of it on the machines that Redis runs on: what has no place there becomes the
/// smallest.
pub(crate) fn to_integer(number: f64) -> i64 {
    if number >= -(2f64.powi(63)) && number < 2f64.powi(63) { number as i64 } else { i64::MIN }
}

/// A function's view of the state.
pub struct Frame<'v> {
    l: *mut ffi::lua_State,
    host: *mut Host,
    /// So many more values may be pushed without asking for room: at least. What is taken off adds to it.
    room: c_int,
    lifetime: PhantomData<&'v mut Host>,
}

/// Room is asked for in such steps.
const ROOM_STEP: c_int = 16;

/// Slots that may be in use at once: Lua's own limit is 8,000.
const STACK_MAX: c_int = 7_900;

impl Frame<'_> {
    /// # Safety
    /// `l` and `host` belong together and are reached by nobody else while the frame is in use; `host.strict` is off.
    pub(crate) unsafe fn new(l: *mut ffi::lua_State, host: *mut Host) -> Self {
        Self { l, host, room: 0, lifetime: PhantomData }
    }

    /// The same, for a function that Lua has just called: it has room for twenty values, however many its arguments are.
    ///
    /// # Safety
    /// As `new`.
    pub(crate) unsafe fn of_function(l: *mut ffi::lua_State, host: *mut Host) -> Self {
        Self { l, host, room: ffi::LUA_MINSTACK, lifetime: PhantomData }
    }

    pub(crate) fn host(&mut self) -> &mut Host {
        // SAFETY: as `new` demands; the reference ends with the borrow of the frame.
        unsafe { &mut *self.host }
    }

    /// Makes sure of room for so many more values.
    pub fn reserve(&mut self, count: usize) -> Result<(), Error> {
        if self.has_room(count) { Ok(()) } else { Err(Error::text("stack overflow")) }
    }

    pub fn has_room(&mut self, count: usize) -> bool {
        let Ok(count) = c_int::try_from(count) else { return false };
        self.top().saturating_add(count) <= STACK_MAX && self.ask_for_room(count)
    }

    /// The same, up to Lua's own limit, for a function that pushes no more than that.
    pub(crate) fn has_last_room(&mut self, count: usize) -> bool {
        c_int::try_from(count).is_ok_and(|count| self.ask_for_room(count))
    }

    fn ask_for_room(&mut self, count: c_int) -> bool {
        // SAFETY: checked in Lua without a jump: a failure is returned.
        let is_there = unsafe { ffi::lua_checkstack(self.l, count) != 0 };
        if is_there {
            self.room = self.room.max(count);
        }
        is_there
    }

    pub fn top(&self) -> c_int {
        // SAFETY: reads the state.
        unsafe { ffi::lua_gettop(self.l) }
    }

    pub fn set_top(&mut self, top: c_int) {
        assert!((0..=STACK_MAX).contains(&top));
        let more = top - self.top();
        assert!(more <= self.room || self.has_room(more as usize));
        self.room -= more;
        // SAFETY: there is room.
        unsafe { ffi::lua_settop(self.l, top) }
    }

    pub fn pop(&mut self, count: c_int) {
        assert!((0..=self.top()).contains(&count));
        self.room += count;
        // SAFETY: so many are there.
        unsafe { ffi::lua_settop(self.l, -count - 1) }
    }

    /// An index that Lua may be asked about: of a value that is there, or behind them all.
    fn at(&self, index: c_int) -> c_int {
        assert!(index > 0 || (index < 0 && -index <= self.top()), "no such place on the stack: {index}");
        index
    }

    pub fn type_of(&self, index: c_int) -> Type {
        // SAFETY: the index is acceptable.
        match unsafe { ffi::lua_type(self.l, self.at(index)) } {
            ffi::LUA_TNIL => Type::Nil,
            ffi::LUA_TBOOLEAN => Type::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Type::LightUserdata,
            ffi::LUA_TNUMBER => Type::Number,
            ffi::LUA_TSTRING => Type::String,
            ffi::LUA_TTABLE => Type::Table,
            ffi::LUA_TFUNCTION => Type::Function,
            ffi::LUA_TUSERDATA => Type::Userdata,
            ffi::LUA_TTHREAD => Type::Thread,
            _ => Type::None,
        }
    }

    pub fn type_name(&self, index: c_int) -> &'static str {
        match self.type_of(index) {
            Type::None => "no value",
            Type::Nil => "nil",
            Type::Boolean => "boolean",
            Type::LightUserdata | Type::Userdata => "userdata",
            Type::Number => "number",
            Type::String => "string",
            Type::Table => "table",
            Type::Function => "function",
            Type::Thread => "thread",
        }
    }

    pub fn is_none_or_nil(&self, index: c_int) -> bool {
        matches!(self.type_of(index), Type::None | Type::Nil)
    }

    /// The bytes of a string; none of anything else, numbers included.
    pub fn bytes(&self, index: c_int) -> Option<&[u8]> {
        if self.type_of(index) != Type::String {
            return None;
        }
        let mut len = 0;
        // SAFETY: it is a string, so nothing is converted; it stays on the stack while the frame is borrowed.
        unsafe {
            let bytes = ffi::lua_tolstring(self.l, index, &mut len);
            Some(std::slice::from_raw_parts(bytes.cast(), len))
        }
    }

    /// The bytes of a string, or of a number, which becomes one in its place on the stack.
    pub fn to_bytes(&mut self, index: c_int) -> Option<&[u8]> {
        if self.type_of(index) == Type::Number {
            let mut text = Vec::new();
            format::number(self.raw_number(index), 14, &mut text);
            let place = if index < 0 { self.top() + 1 + index } else { index };
            self.push_bytes(&text);
            self.room += 1;
            // SAFETY: both places are there.
            unsafe { ffi::lua_replace(self.l, place) }
            return self.bytes(place);
        }
        self.bytes(index)
    }

    /// A string argument; numbers count as such.
    pub fn check_bytes(&mut self, index: c_int) -> Result<&[u8], Error> {
        if !matches!(self.type_of(index), Type::String | Type::Number) {
            return Err(Error::Type(index, "string"));
        }
        self.to_bytes(index).ok_or(Error::Type(index, "string"))
    }

    fn raw_number(&self, index: c_int) -> f64 {
        // SAFETY: reads a value; what is no number gives zero.
        unsafe { ffi::lua_tonumber(self.l, self.at(index)) }
    }

    /// A number, or a string that is one.
    pub fn number(&self, index: c_int) -> Option<f64> {
        // SAFETY: reads a value.
        let is = unsafe { ffi::lua_isnumber(self.l, self.at(index)) != 0 };
        is.then(|| self.raw_number(index))
    }

    pub fn check_number(&self, index: c_int) -> Result<f64, Error> {
        self.number(index).ok_or(Error::Type(index, "number"))
    }

    /// An integer argument, as Lua converts a number to one.
    pub fn check_integer(&self, index: c_int) -> Result<i64, Error> {
        self.check_number(index).map(to_integer)
    }

    pub fn optional_integer(&self, index: c_int, otherwise: i64) -> Result<i64, Error> {
        if self.is_none_or_nil(index) { Ok(otherwise) } else { self.check_integer(index) }
    }

    pub fn boolean(&self, index: c_int) -> bool {
        // SAFETY: reads a value.
        unsafe { ffi::lua_toboolean(self.l, self.at(index)) != 0 }
    }

    /// Whether it is the null of `cjson`.
    pub fn is_null_pointer(&self, index: c_int) -> bool {
        // SAFETY: reads a value.
        self.type_of(index) == Type::LightUserdata && unsafe { ffi::lua_touserdata(self.l, index).is_null() }
    }

    /// A number that tells values of one type apart.
    pub fn address(&self, index: c_int) -> usize {
        // SAFETY: reads a value.
        unsafe { ffi::lua_topointer(self.l, self.at(index)) as usize }
    }

    /// Makes room for what is pushed next.
    #[inline]
    fn make_room(&mut self) {
        if self.room == 0 {
            self.make_more_room();
        }
        self.room -= 1;
    }

    #[cold]
    fn make_more_room(&mut self) {
        // Whoever pushes without end has reserved it, and heard that there is none.
        assert!(self.ask_for_room(ROOM_STEP), "the stack was not reserved");
    }

    pub fn push_nil(&mut self) {
        self.make_room();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnil(self.l) }
    }

    pub fn push_boolean(&mut self, value: bool) {
        self.make_room();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushboolean(self.l, c_int::from(value)) }
    }

    pub fn push_number(&mut self, value: f64) {
        self.make_room();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnumber(self.l, value) }
    }

    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.make_room();
        // SAFETY: there is room, and the allocator never refuses now. The bytes are copied before anything else.
        unsafe { ffi::lua_pushlstring_(self.l, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Pushes the host's text buffer.
    pub fn push_text(&mut self) {
        let text = std::mem::take(&mut self.host().text);
        self.push_bytes(&text);
        if text.capacity() <= vm::KEPT_BYTES {
            self.host().text = text;
        }
    }

    /// Pushes the null of `cjson`.
    pub fn push_null_pointer(&mut self) {
        self.make_room();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushlightuserdata(self.l, std::ptr::null_mut()) }
    }

    pub fn push_copy(&mut self, index: c_int) {
        self.make_room();
        // SAFETY: there is room, and the index is acceptable.
        unsafe { ffi::lua_pushvalue(self.l, self.at(index)) }
    }

    /// Moves the top value to `index`, and up what is there.
    pub fn insert(&mut self, index: c_int) {
        assert!(index.abs() <= self.top() && index != 0);
        // SAFETY: the place is there.
        unsafe { ffi::lua_insert(self.l, index) }
    }

    pub fn remove(&mut self, index: c_int) {
        assert!(index.abs() <= self.top() && index != 0);
        self.room += 1;
        // SAFETY: the place is there.
        unsafe { ffi::lua_remove(self.l, index) }
    }

    pub fn push_table(&mut self, array: usize, hash: usize) {
        self.make_room();
        let size = |count: usize| c_int::try_from(count.min(1 << 20)).unwrap_or(0);
        // SAFETY: there is room, and the allocator never refuses now.
        unsafe { ffi::lua_createtable(self.l, size(array), size(hash)) }
    }

    /// Pushes an array of strings.
    pub fn push_strings<'k>(&mut self, strings: impl ExactSizeIterator<Item = &'k [u8]>) {
        self.push_table(strings.len(), 0);
        self.make_room();
        for (index, string) in strings.enumerate() {
            // SAFETY: there is room for one value above the table, which takes it again at once.
            unsafe {
                ffi::lua_pushlstring_(self.l, string.as_ptr().cast(), string.len());
                ffi::lua_rawseti_(self.l, -2, index as c_int + 1);
            }
        }
    }

    fn is_table(&self, index: c_int) {
        assert!(self.type_of(index) == Type::Table, "not a table at {index}");
    }

    /// Replaces the key on top by its value in the table at `index`.
    pub fn get_raw(&mut self, index: c_int) {
        self.is_table(index);
        // SAFETY: it is a table, and there is a key.
        unsafe { ffi::lua_rawget_(self.l, index) }
    }

    pub fn push_index(&mut self, index: c_int, key: c_int) {
        self.is_table(index);
        self.make_room();
        // SAFETY: it is a table, and there is room.
        unsafe { ffi::lua_rawgeti_(self.l, index, key) }
    }

    pub fn push_field_raw(&mut self, index: c_int, key: &CStr) {
        let place = if index < 0 { self.top() + 1 + index } else { index };
        self.push_bytes(key.to_bytes());
        self.get_raw(place);
    }

    /// Sets `table[key] = value` for the table at `index`, the key and the value on top; takes both off. Fails for a
    /// key that can't be one.
    pub fn set_raw(&mut self, index: c_int) -> Result<(), Error> {
        self.is_table(index);
        match self.type_of(-2) {
            Type::Nil => return Err(Error::Plain(b"table index is nil".into())),
            Type::Number if self.raw_number(-2).is_nan() => {
                return Err(Error::Plain(b"table index is NaN".into()));
            }
            _ => {}
        }
        self.room += 2;
        // SAFETY: a table and a key that Lua accepts.
        unsafe { ffi::lua_rawset(self.l, index) };
        Ok(())
    }

    /// Takes the value on top into the table below it.
    pub fn set_index_raw(&mut self, key: c_int) {
        self.is_table(-2);
        self.room += 1;
        // SAFETY: it is a table.
        unsafe { ffi::lua_rawseti_(self.l, -2, key) }
    }

    /// The same, under a name.
    pub fn set_field_raw(&mut self, key: &CStr) {
        self.push_bytes(key.to_bytes());
        self.insert(-2);
        self.is_table(-3);
        self.room += 2;
        // SAFETY: a table, a string as the key, a value.
        unsafe { ffi::lua_rawset(self.l, -3) }
    }

    /// Takes the value on top into the table at `index`, under a name.
    pub fn set_field_at(&mut self, index: c_int, key: &CStr) {
        self.is_table(index);
        assert!(index > 0);
        self.push_bytes(key.to_bytes());
        self.insert(-2);
        self.room += 2;
        // SAFETY: a table, a string as the key, a value.
        unsafe { ffi::lua_rawset(self.l, index) }
    }

    /// Replaces the key on top by the table's next key and its value, or takes it off after the last. The key must come from
    /// here, or be nil, and the table at `index` be unchanged: for walks within one function only, hence not public.
    pub(crate) fn next(&mut self, index: c_int) -> bool {
        self.is_table(index);
        self.make_room();
        debug_assert!(self.type_of(-1) == Type::Nil || self.has_key(index), "a key from elsewhere");
        // SAFETY: a table and a key of it, or nil.
        let found = unsafe { ffi::lua_next(self.l, index) != 0 };
        if !found {
            self.room += 2;
        }
        found
    }

    /// Whether the key on top is one of the table's.
    fn has_key(&mut self, table: c_int) -> bool {
        let place = if table < 0 { self.top() + 1 + table } else { table };
        self.push_copy(-1);
        self.get_raw(place);
        let is_there = self.type_of(-1) != Type::Nil;
        self.pop(1);
        is_there
    }

    pub fn len(&self, index: c_int) -> usize {
        // SAFETY: reads a value.
        unsafe { ffi::lua_objlen(self.l, self.at(index)) }
    }

    /// Gives the value below the metatable on top that one, and takes it off.
    pub fn set_metatable(&mut self, index: c_int) {
        self.is_table(-1);
        self.room += 1;
        // SAFETY: a table on top, and a value.
        unsafe { ffi::lua_setmetatable(self.l, self.at(index)) };
    }

    /// Pushes a value's metatable, if it has one.
    pub fn push_metatable(&mut self, index: c_int) -> bool {
        self.make_room();
        // SAFETY: there is room.
        let found = unsafe { ffi::lua_getmetatable(self.l, self.at(index)) != 0 };
        self.room += c_int::from(!found);
        found
    }

    pub(crate) fn has_metatable(&mut self, index: c_int) -> bool {
        let has = self.push_metatable(index);
        if has {
            self.pop(1);
        }
        has
    }

    /// Whether two values are one.
    pub fn same(&self, one: c_int, other: c_int) -> bool {
        // SAFETY: reads values.
        unsafe { ffi::lua_rawequal(self.l, self.at(one), self.at(other)) != 0 }
    }

    pub fn push_function(&mut self, function: Function) {
        self.make_room();
        self.make_room();
        // SAFETY: there is room; the trampoline gets what it casts back.
        unsafe {
            ffi::lua_pushlightuserdata(self.l, function as *mut c_void);
            ffi::lua_pushcclosure(self.l, vm::trampoline, 1);
        }
    }

    /// A function with values of its own, taken from the top of the stack: they are its upvalues from 2 on.
    pub fn push_closure(&mut self, function: Function, values: c_int) {
        assert!((1..=8).contains(&values) && values <= self.top());
        self.make_room();
        // SAFETY: there is room; the trampoline gets what it casts back.
        unsafe {
            ffi::lua_pushlightuserdata(self.l, function as *mut c_void);
            ffi::lua_insert(self.l, -values - 1);
            ffi::lua_pushcclosure(self.l, vm::trampoline, values + 1);
        }
    }

    /// Pushes the running closure's value (from 1 on).
    pub fn push_upvalue(&mut self, index: c_int) {
        assert!((1..=8).contains(&index));
        self.make_room();
        // SAFETY: an index behind the last upvalue gives nil.
        unsafe {
            let index = ffi::lua_upvalueindex(index + 1);
            if ffi::lua_type(self.l, index) == ffi::LUA_TNONE {
                ffi::lua_pushnil(self.l);
            } else {
                ffi::lua_pushvalue(self.l, index);
            }
        }
    }

    /// Changes the running closure's value to that on top, and takes that off.
    pub fn set_upvalue(&mut self, index: c_int) {
        assert!((1..=8).contains(&index) && self.top() > 0);
        // SAFETY: the closure was made with such a value, or Lua ignores it: it is checked here.
        unsafe {
            let index = ffi::lua_upvalueindex(index + 1);
            assert!(ffi::lua_type(self.l, index) != ffi::LUA_TNONE, "no such upvalue");
            ffi::lua_replace(self.l, index);
        }
    }

    pub(crate) fn push_native(&mut self, native: Native) {
        self.make_room();
        let function = match native {
            Native::ProtectedCall => natives::protected_call,
            Native::HandledCall => natives::handled_call,
            Native::Next => natives::next_pair,
            Native::Pairs => natives::pairs,
            Native::Sort => natives::sort,
            Native::Index => natives::index,
        };
        // SAFETY: there is room.
        unsafe { ffi::lua_pushcclosure(self.l, function, 0) }
    }

    /// Replaces the function of Lua's own on top by one that refuses read-only tables as its first argument, or
    /// looks at what is behind them.
    pub(crate) fn guard(&mut self, guard: Guard) {
        assert!(self.type_of(-1) == Type::Function);
        let guarded = match guard {
            Guard::Refuse => natives::refusing_proxies,
            Guard::LookBehind => natives::looking_behind_proxies,
            Guard::Tick => natives::ticking,
        };
        // SAFETY: a C function without upvalues; the guard gets it as its own upvalue, and casts it back.
        unsafe {
            let Some(original) = ffi::lua_tocfunction(self.l, -1) else {
                unreachable!("a function of Lua's own")
            };
            ffi::lua_settop(self.l, -2);
            ffi::lua_pushlightuserdata(self.l, original as *mut c_void);
            ffi::lua_pushcclosure(self.l, guarded, 1);
        }
    }

    /// Keeps the value on top, and takes it off.
    pub fn keep(&mut self) -> Reference {
        assert!(self.top() > 0);
        self.room += 1;
        // SAFETY: there is a value; the allocator never refuses.
        Reference(unsafe { ffi::luaL_ref(self.l, ffi::LUA_REGISTRYINDEX) })
    }

    pub fn release(&mut self, reference: Reference) {
        // SAFETY: only writes into the registry.
        unsafe { ffi::luaL_unref(self.l, ffi::LUA_REGISTRYINDEX, reference.0) }
    }

    pub fn push_reference(&mut self, reference: Reference) {
        self.make_room();
        // SAFETY: there is room.
        unsafe { ffi::lua_rawgeti_(self.l, ffi::LUA_REGISTRYINDEX, reference.0) }
    }

    pub fn push_globals(&mut self) {
        self.make_room();
        // SAFETY: there is room.
        unsafe { ffi::lua_pushvalue(self.l, ffi::LUA_GLOBALSINDEX) }
    }

    /// Makes the table on top the globals, and takes it off.
    pub fn set_globals(&mut self) {
        self.is_table(-1);
        // SAFETY: it is a table.
        unsafe { ffi::lua_replace(self.l, ffi::LUA_GLOBALSINDEX) }
    }

    /// Compiles a chunk and pushes its function. On an error nothing is pushed. Nothing but source is accepted: compiled
    /// code could do anything. What it makes of the source counts: the allocator may refuse while it is parsed.
    pub fn load(&mut self, source: &[u8], name: &[u8]) -> Result<(), Vec<u8>> {
        if source.first() == Some(&0x1b) {
            let mut message = Vec::new();
            format::chunk_id(name, &mut message);
            message.extend_from_slice(b":1: unexpected symbol near 'char(27)'");
            return Err(message);
        }
        if i32::try_from(source.len()).is_err() {
            // Lua's lexer counts in such.
            return Err(b"not enough memory".to_vec());
        }
        let mut name = name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        // Kept on the stack: Lua 5.1 forgets to protect it from being collected.
        self.push_bytes(&name);
        name.push(0);
        self.make_room();
        // SAFETY: the parser runs protected and returns its errors; the name ends with NUL and is held by the stack.
        let (status, message) = unsafe {
            (*self.host).set_strict(true);
            let status =
                ffi::luaL_loadbuffer(self.l, source.as_ptr().cast(), source.len(), name.as_ptr().cast());
            (*self.host).set_strict(false);
            (status, if status == ffi::LUA_OK { None } else { self.bytes(-1).map(<[u8]>::to_vec) })
        };
        self.remove(-2);
        if status == ffi::LUA_OK {
            return Ok(());
        }
        self.pop(1);
        Err(message.unwrap_or_default())
    }

    /// Calls the function below `arguments` values. Its results, or the error, take their place. The caller says how many
    /// bytes it holds meanwhile: what is called may do the same, and so on.
    pub fn call(&mut self, arguments: c_int, results: c_int, held: usize) -> Result<(), Error> {
        assert!(arguments >= 0 && arguments < self.top() && results >= 0);
        self.reserve(results as usize + 1)?;
        // What is there afterwards is asked for then.
        self.room = 0;
        // SAFETY: a protected call; while Lua code runs the allocator may refuse. The host isn't borrowed.
        let status = unsafe {
            let before = (*self.host).hold(held);
            (*self.host).set_strict(true);
            let status = ffi::lua_pcall(self.l, arguments, results, 0);
            (*self.host).set_strict(false);
            (*self.host).holds_again(before);
            status
        };
        if status == ffi::LUA_OK { Ok(()) } else { Err(Error::Value) }
    }

    /// Stops the script for an event.
    pub fn suspend(&mut self, event: Event) {
        // SAFETY: frames are handed to functions inside the coroutine only, but for the owner's, who doesn't suspend.
        unsafe { vm::suspend(self.host, event) }
    }

    /// To be called from time to time by what runs long: gives others a moment, and fails if the script must end. What is
    /// lent from the stack stays: the owner can't do anything to the state while the script is suspended.
    pub fn tick(&self) -> Result<(), Error> {
        // SAFETY: as `suspend`.
        match unsafe { vm::tick(self.host) } {
            None => Ok(()),
            Some(message) => Err(Error::table(message)),
        }
    }

    /// To be called by what is soon done, but may be called often: [`Frame::tick`] after so many bytes.
    pub(crate) fn spend(&self, bytes: usize) -> Result<(), Error> {
        // SAFETY: as `suspend`.
        match unsafe { vm::spend(self.host, bytes) } {
            None => Ok(()),
            Some(message) => Err(Error::table(message)),
        }
    }

    /// Frees what can't be reached any more.
    pub(crate) fn collect(&mut self) {
        // SAFETY: there are no finalizers, and the allocator never refuses.
        unsafe { ffi::lua_gc(self.l, ffi::LUA_GCCOLLECT, 0) };
    }

    /// Fails if so many more bytes are too many.
    pub fn check_memory(&self, more: usize) -> Result<(), Error> {
        // SAFETY: as `new` demands; only fields are read.
        if unsafe { (*self.host).is_over_limit(more) } { Err(vm::NO_MEMORY) } else { Ok(()) }
    }

    /// Fails if a reply of so many bytes is too large: it may be as large as the state.
    pub(crate) fn check_reply(&self, len: usize) -> Result<(), Error> {
        // SAFETY: as `new` demands; only a field is read.
        if unsafe { (*self.host).memory_limit() } < len { Err(vm::NO_MEMORY) } else { Ok(()) }
    }

    /// Makes a text of the value at 1, in its place, as `tostring` does.
    pub(crate) fn describe_error(&mut self) {
        let text: Vec<u8> = match self.type_of(1) {
            Type::String => return,
            Type::Number => {
                self.to_bytes(1);
                return;
            }
            Type::Boolean => self.boolean(1).to_string().into_bytes(),
            Type::Nil | Type::None => b"nil".to_vec(),
            _ => format!("{}: {:#016x}", self.type_name(1), self.address(1)).into_bytes(),
        };
        self.set_top(0);
        self.push_bytes(&text);
    }

    /// Makes `{err = "ERR " .. text}` of the text on top.
    pub(crate) fn push_error_table_from_top(&mut self) {
        let mut text = b"ERR ".to_vec();
        text.extend_from_slice(self.bytes(-1).unwrap_or_default());
        self.pop(1);
        self.push_table(0, 3);
        self.push_bytes(&text);
        self.set_field_raw(c"err");
    }

    /// Pushes a table with an error line in `err`. The line begins with `-` and its code word, or is a text only.
    pub(crate) fn push_error_table(&mut self, line: &[u8], was_counted: bool) {
        // A C string ends at the first NUL.
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let (code, mut text) = match line.strip_prefix(b"-") {
            Some(rest) => match rest.iter().position(|byte| *byte == b' ') {
                Some(space) => (&rest[..space], &rest[space + 1..]),
                None => (&b"ERR"[..], rest),
            },
            None => (&b"ERR"[..], line),
        };
        while let [b'\r' | b'\n', rest @ ..] | [rest @ .., b'\r' | b'\n'] = text {
            text = rest;
        }
        let whole = [code, b" ", text].concat();
        self.push_table(0, 4);
        self.push_bytes(&whole);
        self.set_field_raw(c"err");
        if was_counted {
            self.push_boolean(true);
            self.set_field_raw(c"ignore_error_stats_update");
        }
    }

    /// Pushes where the function at a level of the call stack is: `name:line: `.
    fn push_place(&mut self, level: c_int) {
        self.make_room();
        // SAFETY: reads the call stack; the allocator never refuses.
        unsafe { ffi::luaL_where(self.l, level) }
    }

    /// Pushes what a function fails with.
    pub(crate) fn push_error(&mut self, error: Error) {
        if !matches!(error, Error::Value) && self.room < 10 && !self.has_room(10) {
            self.set_top(0);
        }
        match error {
            Error::Value => {}
            Error::Plain(text) => self.push_bytes(&text),
            Error::Table(text) => self.push_error_table(&text, false),
            Error::Text(text) => {
                self.push_place(1);
                let mut whole = self.bytes(-1).unwrap_or_default().to_vec();
                whole.extend_from_slice(&text);
                self.push_bytes(&whole);
            }
            Error::Type(index, expected) => {
                let text = format!("{expected} expected, got {}", self.type_name(index));
                self.push_error(Error::Argument(index, text.into_bytes().into()));
            }
            Error::Argument(index, text) => {
                let text = self.bad_argument(index, &text);
                self.push_error(Error::Text(text.into()));
            }
        }
    }

    fn bad_argument(&mut self, mut index: c_int, text: &[u8]) -> Vec<u8> {
        let mut name = b"?".to_vec();
        let mut is_method = false;
        // SAFETY: reads the call stack into a structure of Lua's; its texts live at least as long as the call.
        unsafe {
            let mut place: ffi::lua_Debug = std::mem::zeroed();
            if ffi::lua_getstack(self.l, 0, &mut place) == 0 {
                return [format!("bad argument #{index} (").as_bytes(), text, b")"].concat();
            }
            ffi::lua_getinfo(self.l, c"n".as_ptr(), &mut place);
            if !place.name.is_null() {
                name = CStr::from_ptr(place.name).to_bytes().to_vec();
            }
            if !place.namewhat.is_null() {
                is_method = CStr::from_ptr(place.namewhat) == c"method";
            }
        }
        if is_method {
            index -= 1;
            if index == 0 {
                return [b"calling '", &name[..], b"' on bad self (", text, b")"].concat();
            }
        }
        [format!("bad argument #{index} to '").as_bytes(), &name, b"' (", text, b")"].concat()
    }
}
