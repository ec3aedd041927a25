//! Functions of Lua's base library that talk to Lua directly, since they call it, or hand on to it.
//!
//! Nothing that they hold is to be dropped, so that an error may jump over their frames wherever it comes from. While they
//! run the allocator may refuse, as it may for Lua's own functions.
#![expect(unsafe_code, reason = "Lua's C interface; see above and the text of `vm`")]

use crate::error::Error;
use crate::sandbox;
use crate::vm::{host_of, raise, tick};
use mlua_sys::lua51 as ffi;
use std::ffi::{c_int, c_void};

/// Those that a sandbox is given by name.
#[derive(Clone, Copy)]
pub(crate) enum Native {
    ProtectedCall,
    HandledCall,
    Next,
    Pairs,
    Sort,
    /// `table[key]`, with metamethods.
    Index,
}

/// What a guarded function does with a read-only table.
#[derive(Clone, Copy)]
pub(crate) enum Guard {
    Refuse,
    LookBehind,
    /// It makes a coroutine: the clock is looked at.
    Tick,
}

/// `pcall`. An error that is a table with a text in `err` is caught as that text, as Redis does.
pub(crate) unsafe extern "C-unwind" fn protected_call(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: nothing is to be dropped, whatever jumps.
    unsafe {
        let count = ffi::lua_gettop(l);
        if count == 0 {
            ffi::lua_pushboolean(l, 0);
            ffi::lua_pushstring_(l, c"attempt to call a boolean value".as_ptr());
            return 2;
        }
        // The place of the result.
        ffi::lua_pushboolean(l, 1);
        ffi::lua_insert(l, 1);
        if ffi::lua_pcall(l, count - 1, ffi::LUA_MULTRET, 0) != ffi::LUA_OK {
            ffi::lua_remove(l, 1);
            if ffi::lua_type(l, -1) == ffi::LUA_TTABLE {
                ffi::lua_getfield_(l, -1, c"err".as_ptr());
                // What is no text stays as a third result, as in Redis.
                if ffi::lua_isstring(l, -1) != 0 {
                    ffi::lua_replace(l, -2);
                }
            }
            ffi::lua_pushboolean(l, 0);
            ffi::lua_insert(l, 1);
        }
        ffi::lua_gettop(l)
    }
}

/// `xpcall`. Lua's own calls the handler before anything is unwound, and from a hook no hook is called: a handler that
/// never ends could not be killed. No script can look at the call stack, so it may as well be called afterwards.
pub(crate) unsafe extern "C-unwind" fn handled_call(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: nothing is to be dropped, whatever jumps.
    unsafe {
        ffi::luaL_checkany(l, 2);
        ffi::lua_settop(l, 2);
        ffi::lua_insert(l, 1);
        if ffi::lua_pcall(l, 0, ffi::LUA_MULTRET, 0) == ffi::LUA_OK {
            ffi::lua_pushboolean(l, 1);
            ffi::lua_replace(l, 1);
            return ffi::lua_gettop(l);
        }
        if ffi::lua_pcall(l, 1, 1, 0) != ffi::LUA_OK {
            ffi::lua_settop(l, 0);
            ffi::lua_pushstring_(l, c"error in error handling".as_ptr());
        }
        ffi::lua_pushboolean(l, 0);
        ffi::lua_insert(l, 1);
        2
    }
}

/// What a table has for a key, its metamethods included.
pub(crate) unsafe extern "C-unwind" fn index(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: nothing is to be dropped, whatever jumps; called with two arguments.
    unsafe {
        ffi::lua_gettable_(l, 1);
        1
    }
}

/// Whether the value at 1 is a read-only front; then what is behind it is pushed.
///
/// # Safety
/// Inside a function that Lua called; nothing of the caller's is to be dropped.
unsafe fn push_behind_proxy(l: *mut ffi::lua_State) -> bool {
    // SAFETY: only reads tables, and there is room for what a function of Lua's needs.
    unsafe {
        if ffi::lua_type(l, 1) != ffi::LUA_TTABLE || ffi::lua_getmetatable(l, 1) == 0 {
            return false;
        }
        let proxies = (*host_of(l)).places.proxies;
        ffi::lua_rawgeti_(l, ffi::LUA_REGISTRYINDEX, proxies.0);
        ffi::lua_pushvalue(l, 1);
        ffi::lua_rawget_(l, -2);
        let is_proxy = ffi::lua_type(l, -1) == ffi::LUA_TTABLE;
        if is_proxy {
            ffi::lua_replace(l, -3);
            ffi::lua_settop(l, -2);
        } else {
            ffi::lua_settop(l, -4);
        }
        is_proxy
    }
}

/// Fails if the value at 1 is a read-only front.
///
/// # Safety
/// As [`push_behind_proxy`].
unsafe fn refuse_proxy(l: *mut ffi::lua_State) {
    // SAFETY: see there.
    unsafe {
        if push_behind_proxy(l) {
            ffi::lua_pushstring_(l, sandbox::READ_ONLY.as_ptr());
            ffi::lua_error(l);
        }
    }
}

/// A function of Lua's own that changes its first argument.
pub(crate) unsafe extern "C-unwind" fn refusing_proxies(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: the upvalue is the original function, put there by `Frame::guard`. Nothing is to be dropped.
    unsafe {
        refuse_proxy(l);
        let original = ffi::lua_touserdata(l, ffi::lua_upvalueindex(1));
        std::mem::transmute::<*mut c_void, ffi::lua_CFunction>(original)(l)
    }
}

/// A function of Lua's own that makes a coroutine. Each counts its instructions anew: without a look at the clock here, a
/// script could hide all that it does in coroutines that end before their first.
pub(crate) unsafe extern "C-unwind" fn ticking(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; the message is copied before the error is raised.
    unsafe {
        if let Some(message) = tick(host_of(l)) {
            raise(l, Error::table(message));
        }
        let original = ffi::lua_touserdata(l, ffi::lua_upvalueindex(1));
        std::mem::transmute::<*mut c_void, ffi::lua_CFunction>(original)(l)
    }
}

/// A function of Lua's own that reads its first argument, and doesn't hand it out.
pub(crate) unsafe extern "C-unwind" fn looking_behind_proxies(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        if push_behind_proxy(l) {
            ffi::lua_replace(l, 1);
        }
        let original = ffi::lua_touserdata(l, ffi::lua_upvalueindex(1));
        std::mem::transmute::<*mut c_void, ffi::lua_CFunction>(original)(l)
    }
}

/// `next`.
pub(crate) unsafe extern "C-unwind" fn next_pair(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: nothing is to be dropped, whatever jumps.
    unsafe {
        ffi::luaL_checktype(l, 1, ffi::LUA_TTABLE);
        ffi::lua_settop(l, 2);
        if push_behind_proxy(l) {
            ffi::lua_replace(l, 1);
        }
        if ffi::lua_next(l, 1) != 0 {
            return 2;
        }
        ffi::lua_pushnil(l);
        1
    }
}

/// `pairs`.
pub(crate) unsafe extern "C-unwind" fn pairs(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: nothing is to be dropped, whatever jumps.
    unsafe {
        ffi::luaL_checktype(l, 1, ffi::LUA_TTABLE);
        let next = (*host_of(l)).places.next;
        ffi::lua_rawgeti_(l, ffi::LUA_REGISTRYINDEX, next.0);
        ffi::lua_pushvalue(l, 1);
        ffi::lua_pushnil(l);
        3
    }
}

/// Comparisons between two looks at the clock.
const COMPARISONS_PER_TICK: u32 = 1024;

/// A sort of the table at 1, with the order at 2 if it is a function. What is compared lies above.
struct Sort {
    l: *mut ffi::lua_State,
    has_order: bool,
    comparisons: u32,
}

/// `table.sort`. Lua's own compares as often as a bad order of the elements wants, while no hook is called. The same values
/// are compared and swapped in the same order as there: where elements are equal, scripts see it.
pub(crate) unsafe extern "C-unwind" fn sort(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: nothing is to be dropped, whatever jumps; a table and a function or nil are at 1 and 2, and there is room
    // for what a function of Lua's needs above.
    unsafe {
        ffi::luaL_checktype(l, 1, ffi::LUA_TTABLE);
        refuse_proxy(l);
        let has_order = ffi::lua_type(l, 2) > ffi::LUA_TNIL;
        if has_order {
            ffi::luaL_checktype(l, 2, ffi::LUA_TFUNCTION);
        }
        ffi::lua_settop(l, 2);
        let len = c_int::try_from(ffi::lua_objlen(l, 1)).unwrap_or(c_int::MAX);
        Sort { l, has_order, comparisons: 0 }.range(1, len);
        0
    }
}

impl Sort {
    /// # Safety
    /// As [`sort`]; nothing lies above the two arguments.
    unsafe fn range(&mut self, mut low: c_int, mut high: c_int) {
        // SAFETY: see there.
        unsafe {
            while low < high {
                self.order(low, high);
                if high - low == 1 {
                    return;
                }
                let middle = low + (high - low) / 2;
                if !self.order(low, middle) {
                    self.order(middle, high);
                }
                if high - low == 2 {
                    return;
                }
                let pivot = self.partition(low, middle, high);
                // The smaller part by recursion, so that it is never deep.
                if pivot - low < high - pivot {
                    self.range(low, pivot - 1);
                    low = pivot + 1;
                } else {
                    self.range(pivot + 1, high);
                    high = pivot - 1;
                }
            }
        }
    }

    /// Swaps two elements if they are not in order; returns whether they were swapped.
    ///
    /// # Safety
    /// As `range`.
    unsafe fn order(&mut self, first: c_int, second: c_int) -> bool {
        // SAFETY: see there.
        unsafe {
            ffi::lua_rawgeti_(self.l, 1, first);
            ffi::lua_rawgeti_(self.l, 1, second);
            let swaps = self.is_less(4, 3);
            if swaps {
                self.put(first, second);
            }
            ffi::lua_settop(self.l, 2);
            swaps
        }
    }

    /// Puts the two values on top into the table, the topmost at `first`.
    ///
    /// # Safety
    /// As `range`; two values lie on top.
    unsafe fn put(&mut self, first: c_int, second: c_int) {
        // SAFETY: see there.
        unsafe {
            ffi::lua_rawseti_(self.l, 1, first);
            ffi::lua_rawseti_(self.l, 1, second);
        }
    }

    /// Brings what is less than the element in the middle before what is greater. Returns where that element is then.
    ///
    /// # Safety
    /// As `range`.
    unsafe fn partition(&mut self, low: c_int, middle: c_int, high: c_int) -> c_int {
        let l = self.l;
        // SAFETY: see there.
        unsafe {
            ffi::lua_rawgeti_(l, 1, middle);
            ffi::lua_pushvalue(l, 3);
            ffi::lua_rawgeti_(l, 1, high - 1);
            self.put(middle, high - 1);
            let (mut left, mut right) = (low, high - 1);
            loop {
                loop {
                    left += 1;
                    ffi::lua_rawgeti_(l, 1, left);
                    if !self.is_less(4, 3) {
                        break;
                    }
                    if left > high {
                        self.fail();
                    }
                    ffi::lua_settop(l, 3);
                }
                loop {
                    right -= 1;
                    ffi::lua_rawgeti_(l, 1, right);
                    if !self.is_less(3, 5) {
                        break;
                    }
                    if right < low {
                        self.fail();
                    }
                    ffi::lua_settop(l, 4);
                }
                if right < left {
                    break;
                }
                self.put(left, right);
            }
            ffi::lua_settop(l, 2);
            ffi::lua_rawgeti_(l, 1, high - 1);
            ffi::lua_rawgeti_(l, 1, left);
            self.put(high - 1, left);
            left
        }
    }

    /// # Safety
    /// As `range`; values are at both places.
    unsafe fn is_less(&mut self, one: c_int, other: c_int) -> bool {
        let l = self.l;
        // SAFETY: see there.
        unsafe {
            self.comparisons = self.comparisons.wrapping_add(1);
            if self.comparisons.is_multiple_of(COMPARISONS_PER_TICK)
                && let Some(message) = tick(host_of(l))
            {
                raise(l, Error::table(message));
            }
            if !self.has_order {
                return ffi::lua_lessthan(l, one, other) != 0;
            }
            ffi::lua_pushvalue(l, 2);
            ffi::lua_pushvalue(l, one);
            ffi::lua_pushvalue(l, other);
            ffi::lua_call(l, 2, 1);
            let is_less = ffi::lua_toboolean(l, -1) != 0;
            ffi::lua_settop(l, -2);
            is_less
        }
    }

    /// # Safety
    /// As `range`.
    unsafe fn fail(&self) -> ! {
        // SAFETY: see there.
        unsafe { raise(self.l, Error::text("invalid order function for sorting")) }
    }
}
