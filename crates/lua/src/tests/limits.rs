//! Scripts that want more than there is: of time, of memory, of the stack.

use super::{finish, run_as, vm};
use crate::{Call, Event, Finished, Vm};

/// Runs until the first slice is over, and then kills. Returns how it ended.
fn run_and_kill(vm: &mut Vm, source: &str) -> String {
    let function = vm.compile("@user_script", source.as_bytes()).expect("it compiles");
    let call = Call { function, name: "sha", globals: true, resp3: false };
    vm.begin(&call, std::iter::empty(), std::iter::empty());
    let result = finish(vm, 1);
    vm.forget(function);
    result
}

#[test]
fn a_kill_finds_room_on_a_full_stack() {
    let mut vm = vm();
    // Whichever instruction of the loop is interrupted.
    for more in 0..8 {
        let source = format!(
            "local t = {{}} for i = 1, 7990 do t[i] = i end local function f() end {} while true do f(unpack(t)) end",
            "local a = 1 ".repeat(more)
        );
        let result = run_and_kill(&mut vm, &source);
        assert!(result.starts_with("-ERR Script killed"), "{result}");
    }
}

#[test]
fn what_is_killed_calls_nothing_more() {
    for source in [
        "pcall(string.find, ('a'):rep(40), ('a?'):rep(40) .. ('a'):rep(40)) redis.call('get') redis.pcall('get')",
        "pcall(coroutine.wrap(function() while true do end end)) pcall(redis.call, 'get') redis.acl_check_cmd('get')",
        "local c = coroutine.create(function() while true do end end) coroutine.resume(c) redis.call('get')",
    ] {
        let mut vm = vm();
        let function = vm.compile("@user_script", source.as_bytes()).expect("it compiles");
        let call = Call { function, name: "sha", globals: true, resp3: false };
        vm.begin(&call, std::iter::empty(), std::iter::empty());
        assert_eq!(vm.resume(), Event::Slice);
        vm.kill("Script killed");
        assert_eq!(vm.resume(), Event::Done, "{source}");
        let (finished, _) = vm.finished();
        assert!(matches!(finished, Finished::Failed { .. }), "{source}: {finished:?}");
        // The next script may, but for one that is killed before it begins.
        assert_eq!(run_as(&mut vm, "return redis.call('get')", false, &[], &[]), "$3|bar");
        vm.kill("Script killed");
        let result = run_as(&mut vm, "return redis.call('get')", false, &[], &[]);
        assert!(result.starts_with("-ERR Script killed"), "{result}");
    }
}

#[test]
fn coroutines_hide_no_time() {
    let source = "local function leaf() local x = 0 for i = 1, 3000 do x = x + i end end \
        local function mid() for i = 1, 2000 do coroutine.wrap(leaf)() end end \
        local function top() for i = 1, 2000 do coroutine.resume(coroutine.create(mid)) end end \
        for i = 1, 2000 do coroutine.wrap(top)() end";
    let result = run_and_kill(&mut vm(), source);
    assert!(result.starts_with("-ERR Script killed"), "{result}");
}

#[test]
fn functions_of_the_libraries_end_when_they_are_told() {
    let mut vm = vm();
    for source in [
        "return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))",
        "return ('x'):rep(2000000):gsub('x-x-x-x-y', '')",
        "local t = {} for i = 1, 2 do t[i] = t end return t",
        "local t = {} for i = 1, 30 do t = {t, t} end return t",
        "local s = '[' .. ('1,'):rep(1000) .. '1]' for i = 1, 2000 do cjson.decode(s) end",
        "local s = cmsgpack.pack({('x'):rep(10000)}) for i = 1, 100000 do cmsgpack.unpack(s) end",
        "local t = {} for i = 1, 30 do t = {t, t} end return cjson.encode(t)",
        "local t = {} for i = 1, 15 do t = {t, t, t, t, t} end return cmsgpack.pack(t)",
        "local t = {} for i = 1, 100000 do t[i] = i % 2 end table.sort(t, function(a, b) while true do end end)",
    ] {
        let result = run_and_kill(&mut vm, source);
        assert!(result.starts_with("-ERR Script killed"), "{source}: {result}");
    }
    assert_eq!(run_as(&mut vm, "return ('').rep('', 2147483647)", false, &[], &[]), "$0");
}

#[test]
fn what_is_built_outside_of_the_state_is_bounded() {
    let mut vm = vm();
    for source in [
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 100 do t[i] = s end return cjson.encode(t)",
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 100 do t[s:sub(i)] = s end return cjson.encode(t)",
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 100 do t[i] = s end return cmsgpack.pack(t)",
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 100 do t[i] = s end return cmsgpack.pack(unpack(t))",
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 100 do t[i] = s end return t",
        "local s = ('x'):rep(1e6) local t = {} for i = 1, 100 do t[i] = s end return {map = t}",
        "local s = ('x'):rep(3e6) local t = {} for i = 1, 400 do t[i] = s end return redis.call('get', unpack(t))",
        "return ('x'):rep(1000):gsub('.+', ('%0'):rep(1000000))",
        "local s = ('x'):rep(2e7) local function f(n) local first = true \
            return (('xx'):gsub('x', function() if first then first = false return s end return f(n + 1) end)) end return f(1)",
        "local s = ('-'):rep(1e7) local function f(n) local first = true \
            return assert(load(function() if first then first = false return s end return f(n + 1) end)) end return f(1)",
        "local parts = {} for i = 1, 100000 do parts[i] = 'f=function()end;' end local s = table.concat(parts) \
            local t = {} for i = 1, 100 do t[i] = assert(loadstring(s)) end return 1",
    ] {
        let result = run_as(&mut vm, source, false, &[], &[]);
        assert!(result.contains("not enough memory"), "{source}: {result:.200}");
        vm.collect_garbage();
        assert!(vm.used_memory() < 1 << 20, "{source}: {} bytes stay", vm.used_memory());
    }
    let log = "redis.log(3, ('x'):rep(2e6), ('x'):rep(2e6)) return 1";
    assert_eq!(run_as(&mut vm, log, false, &[], &[]), ":1");
}

#[test]
fn what_recurses_has_room_where_the_stack_is_deepest() {
    let mut vm = vm();
    // Each of these is tried at the last level at which a function of C can be called.
    for deepest in [
        "cjson.decode_max_depth(100000) return pcall(cjson.decode, ('['):rep(5000))",
        "cjson.encode_max_depth(100000) return pcall(cjson.encode, nested)",
        "return pcall(cmsgpack.unpack, ('\\145'):rep(10000))",
        "return pcall(cmsgpack.pack, nested)",
        "return pcall(string.find, ('a'):rep(5000), ('a?'):rep(5000) .. 'b')",
        "return pcall(loadstring, 'return ' .. ('('):rep(10000))",
        "return pcall(string.format, '%s%s', ('x'):rep(10000), 1)",
    ] {
        let source = format!(
            "local nested = {{}} for i = 1, 5000 do nested = {{nested}} end \
            local function f(s) local ok = pcall(string.gsub, 'x', 'x', f) if not ok then {deepest} end end f() return 1"
        );
        assert_eq!(run_as(&mut vm, &source, false, &[], &[]), ":1", "{deepest}");
    }
}

#[test]
fn errors_within_errors_end() {
    for (source, expect) in [
        ("return xpcall(function() error('a') end, function(e) error('b') end)", "$-1"),
        ("return {pcall(error)}", "*1|$-1"),
        ("return select('#', pcall(error, {}))", ":3"),
        ("return select(2, pcall(error, {err = 'x'}))", "$1|x"),
        (
            "local e = setmetatable({}, {__index = function() error('deep') end}) return {pcall(pcall, error, e)}",
            "*2|$-1|$19|user_script:1: deep",
        ),
        (
            "table.sort({3, 2, 1}, function() error({err = 'X sorted'}) end)",
            "-X sorted script: sha, on @user_script:1.",
        ),
        (
            "error(setmetatable({}, {__tostring = error}))",
            "-ERR unknown error script: sha, on @user_script:1.",
        ),
        ("error(function() end)", "?"),
        ("error(coroutine.create(function() end))", "?"),
        ("error(cjson.null)", "?"),
        ("error(true)", "-ERR true script: sha, on @user_script:1."),
        ("error(1.5)", "-ERR user_script:1: 1.5 script: sha, on @user_script:1."),
        ("local function f() return f() + 1 end return f()", "?"),
        ("local function f() error(f()) end f()", "?"),
        ("return coroutine.resume(coroutine.create(function() coroutine.yield(1) end))", ":1"),
        (
            "coroutine.yield(1)",
            "-ERR attempt to yield across metamethod/C-call boundary script: sha, on @user_script:1.",
        ),
        (
            "return coroutine.wrap(function() return ('x'):gsub('x', coroutine.yield) end)()",
            "-ERR user_script:1: attempt to yield across metamethod/C-call boundary script: sha, on @user_script:1.",
        ),
        ("return coroutine.wrap(function() return redis.call('get') end)()", "$3|bar"),
        (
            "setmetatable(KEYS, {__gc = error}) KEYS = nil",
            "-ERR user_script:1: Attempt to modify a readonly table script: sha, on @user_script:1.",
        ),
    ] {
        let result = run_as(&mut vm(), source, false, &[], &[]);
        assert!(result == expect || expect == "?" && result.starts_with("-ERR "), "{source}: {result}");
    }
}
