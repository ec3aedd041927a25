//! Scripts, with a server of a few commands: what they answer, and that nothing gets out of hand.

use crate::{Call, Event, Finished, Kind, Vm};

const MEMORY: usize = 64 << 20;
const SLICE_NS: u64 = 1_000_000;

fn vm() -> Vm {
    Vm::new(Kind::Eval, MEMORY, SLICE_NS).expect("a state")
}

/// Answers as a server would that knows few commands.
fn answer(args: &[&[u8]], resp3: bool, out: &mut Vec<u8>) {
    let reply: &[u8] = match (args[0], resp3) {
        (b"get", _) => b"$3\r\nbar\r\n",
        (b"none", false) => b"$-1\r\n",
        (b"none", true) => b"_\r\n",
        (b"ok", _) => b"+OK\r\n",
        (b"number", _) => b":-42\r\n",
        (b"list", _) => b"*3\r\n$1\r\na\r\n:2\r\n*2\r\n$1\r\nb\r\n$-1\r\n",
        (b"map", true) => b"%1\r\n$1\r\nk\r\n:1\r\n",
        (b"set", true) => b"~2\r\n$1\r\nk\r\n$1\r\nl\r\n",
        (b"double", true) => b",3.5\r\n",
        (b"bool", true) => b"#t\r\n",
        (b"big", true) => b"(123456789\r\n",
        (b"verbatim", true) => b"=6\r\ntxt:hi\r\n",
        (b"fail", _) => b"-WRONGTYPE no way\r\n",
        // Nothing that a server says.
        (b"raw", _) => args[1],
        (b"echo", _) => {
            out.extend_from_slice(format!("${}\r\n", args[1].len()).as_bytes());
            out.extend_from_slice(args[1]);
            b"\r\n"
        }
        _ => b"-ERR Unknown Redis command called from script\r\n",
    };
    out.extend_from_slice(reply);
}

/// Runs until the script is over, or has used that many slices: then it is killed.
fn finish(vm: &mut Vm, slices: usize) -> String {
    let mut left = slices;
    loop {
        match vm.resume() {
            Event::Call => {
                let resp3 = vm.wants_resp3();
                let (request, reply) = vm.exchange();
                answer(&request.args().collect::<Vec<_>>(), resp3, reply);
            }
            Event::Check => vm.reply().extend_from_slice(b":1\r\n"),
            Event::Log(_) => {}
            Event::Slice => {
                left = left.saturating_sub(1);
                if left == 0 {
                    vm.kill("Script killed by user with SCRIPT KILL...");
                }
            }
            Event::Done => break,
        }
    }
    let (finished, result) = vm.finished();
    let result = match finished {
        Finished::Replied | Finished::RepliedErrors { .. } => result.to_vec(),
        Finished::Failed { line, .. } => [b"-", &line[..]].concat(),
    };
    String::from_utf8_lossy(&result).trim_end().replace("\r\n", "|")
}

fn run_as(vm: &mut Vm, source: &str, resp3: bool, keys: &[&str], args: &[&str]) -> String {
    let function = match vm.compile("@user_script", source.as_bytes()) {
        Ok(function) => function,
        Err(message) => return format!("!{}", String::from_utf8_lossy(&message)),
    };
    let call = Call { function, name: "sha", globals: true, resp3 };
    let bytes = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    let (keys, args) = (bytes(keys), bytes(args));
    vm.begin(&call, keys.iter().map(Vec::as_slice), args.iter().map(Vec::as_slice));
    let result = finish(vm, 200);
    vm.forget(function);
    result
}

fn run(source: &str) -> String {
    run_as(&mut vm(), source, false, &["k1", "k2"], &["a1"])
}

fn check(exchanges: &[(&str, &str)]) {
    for (source, expect) in exchanges {
        assert_eq!(run(source), *expect, "{source}");
    }
}

#[test]
fn values_become_replies() {
    check(&[
        ("return 1", ":1"),
        ("return 3.99", ":3"),
        ("return -3.99", ":-3"),
        ("return 'x'", "$1|x"),
        ("return nil", "$-1"),
        ("return false", "$-1"),
        ("return true", ":1"),
        ("return {1,2,nil,4}", "*2|:1|:2"),
        ("return {1,{2,'x'},{}}", "*3|:1|*2|:2|$1|x|*0"),
        ("return {ok='fine'}", "+fine"),
        ("return {err='My Err'}", "-My Err"),
        ("return redis.error_reply('My Err')", "-My Err"),
        ("return redis.error_reply('FOO')", "-ERR FOO"),
        ("return redis.error_reply('FOO \\r\\nbar\\r\\n')", "-FOO bar"),
        ("return redis.error_reply('FOO\\0 bar')", "-ERR FOO"),
        ("local n = 0 table.foreach(bit, function() n = n + 1 end) return n", ":12"),
        ("return redis.status_reply('x')", "+x"),
        ("return {double=3.25}", "$4|3.25"),
        ("return {map={a=1}}", "*2|$1|a|:1"),
        ("return {KEYS[1],KEYS[2],KEYS[3],ARGV[1]}", "*2|$2|k1|$2|k2"),
        ("return #ARGV", ":1"),
        ("local t = {} ; t[1] = t ; return 1", ":1"),
        ("return function() end", "$-1"),
    ]);
    assert!(run("local t = {}; t[1] = t; return t").ends_with("-ERR reached lua stack limit"));
    let mut vm = vm();
    for (source, expect) in [
        ("return nil", "_"),
        ("return {double=3.25}", ",3.25"),
        ("return {map={a=1}}", "%1|$1|a|:1"),
        ("return {set={a=true}}", "~1|$1|a"),
        ("return {big_number='12\\r\\n3'}", "(12  3"),
        ("return {verbatim_string={string='hi',format='txt'}}", "=6|txt:hi"),
        ("redis.setresp(3) return true", "#t"),
        ("return true", ":1"),
    ] {
        assert_eq!(run_as(&mut vm, source, true, &[], &[]), expect, "{source}");
    }
}

#[test]
fn replies_become_values() {
    check(&[
        ("return redis.call('get', 'x')", "$3|bar"),
        ("return type(redis.call('none'))", "$7|boolean"),
        ("redis.setresp(3) return type(redis.call('none'))", "$3|nil"),
        ("return redis.call('ok').ok", "$2|OK"),
        ("return redis.call('ok')", "+OK"),
        ("return redis.call('number')", ":-42"),
        ("return redis.call('list')", "*3|$1|a|:2|*2|$1|b|$-1"),
        ("redis.setresp(3) return redis.call('map').map.k", ":1"),
        ("redis.setresp(3) return redis.call('set').set.l", ":1"),
        ("redis.setresp(3) return tostring(redis.call('double').double)", "$3|3.5"),
        ("redis.setresp(3) return redis.call('big').big_number", "$9|123456789"),
        ("redis.setresp(3) return redis.call('verbatim').verbatim_string.string", "$2|hi"),
        ("return redis.call('echo', 3.15)", "$4|3.15"),
        ("return redis.call('echo', -0.0)", "$1|0"),
        ("return redis.call('echo', 2 ^ 53)", "$16|9007199254740992"),
        ("return redis.call('echo', 1e20)", "$5|1e+20"),
        ("return redis.call('echo', 1 / 3)", "$18|0.3333333333333333"),
        ("return redis.call('echo', 10000000000)", "$11|10000000000"),
        ("return redis.pcall('fail').err", "$16|WRONGTYPE no way"),
        ("return redis.pcall('fail')", "-WRONGTYPE no way"),
        ("return redis.call('fail')", "-WRONGTYPE no way script: sha, on @user_script:1."),
        ("\n\nredis.call('fail')", "-WRONGTYPE no way script: sha, on @user_script:3."),
        (
            "return redis.call()",
            "-ERR Please specify at least one argument for this redis lib call script: sha, on @user_script:1.",
        ),
        ("return redis.pcall({}).err", "$63|ERR Lua redis lib command arguments must be strings or integers"),
        ("local ok, e = pcall(redis.call, 'fail') return e", "$16|WRONGTYPE no way"),
        ("return tostring(redis.acl_check_cmd('get','x'))", "$4|true"),
    ]);
}

#[test]
fn errors_say_where() {
    check(&[
        ("error('boom')", "-ERR user_script:1: boom script: sha, on @user_script:1."),
        ("error({err='abc'})", "-abc script: sha, on @user_script:1."),
        ("error(nil)", "-ERR nil script: sha, on @user_script:1."),
        ("error({1})", "-ERR unknown error script: sha, on @user_script:1."),
        (
            "\nlocal a = nil; a.b = 1",
            "-ERR user_script:2: attempt to index local 'a' (a nil value) script: sha, on @user_script:2.",
        ),
        ("syntax err", "!user_script:1: '=' expected near 'err'"),
        (
            "return cjson.decode()",
            "-ERR user_script:1: bad argument #1 to 'decode' (expected 1 argument) script: sha, on @user_script:1.",
        ),
        (
            "return bit.band('x')",
            "-ERR user_script:1: bad argument #1 to 'band' (number expected, got string) script: sha, on @user_script:1.",
        ),
        ("return redis.sha1hex()", "-ERR wrong number of arguments script: sha, on @user_script:1."),
        (
            "return string.rep()",
            "-ERR user_script:1: bad argument #1 to 'rep' (string expected, got no value) script: sha, on @user_script:1.",
        ),
        (
            "return ('x'):find({})",
            "-ERR user_script:1: bad argument #1 to 'find' (string expected, got table) script: sha, on @user_script:1.",
        ),
    ]);
}

#[test]
fn globals_are_read_only() {
    let read_only = "-ERR user_script:1: Attempt to modify a readonly table script: sha, on @user_script:1.";
    for source in [
        "x = 1",
        "KEYS = 1",
        "redis = 1",
        "redis.call = 1",
        "redis.x = 1",
        "string.rep = 1",
        "_G.x = 1",
        "getmetatable(_G).__index = 1",
        "getmetatable('').__index = 1",
        "getmetatable('').__index.rep = 1",
        "os.clock = 1",
    ] {
        assert_eq!(run(source), read_only, "{source}");
    }
    let plain = "-ERR Attempt to modify a readonly table script: sha, on @user_script:1.";
    for source in
        ["rawset(_G, 'a', 1)", "setmetatable(_G, {})", "table.insert(redis, 1)", "rawset(redis, 1, 2)"]
    {
        assert_eq!(run(source), plain, "{source}");
    }
    check(&[
        (
            "return x",
            "-ERR user_script:1: Script attempted to access nonexistent global variable 'x' script: sha, on @user_script:1.",
        ),
        (
            "return print",
            "-ERR user_script:1: Script attempted to access nonexistent global variable 'print' script: sha, on @user_script:1.",
        ),
        ("return getmetatable(redis)", "$-1"),
        ("local n = 0 for k, v in pairs(bit) do n = n + 1 end return n", ":12"),
        ("return type(next(bit))", "$6|string"),
        ("return type(rawget(bit, 'bor'))", "$8|function"),
        ("local n = 0 for k, v in pairs(_G) do n = n + 1 end return n > 25", ":1"),
        ("return _G.redis == redis and _G._G == _G", ":1"),
        (
            "for k, v in pairs(_G) do if type(v) == 'table' and k ~= 'KEYS' and k ~= 'ARGV' then assert(not pcall(rawset, v, 'a', 1), k) end end return 1",
            ":1",
        ),
        (
            "return type(_G.setfenv)",
            "-ERR user_script:1: Script attempted to access nonexistent global variable 'setfenv' script: sha, on @user_script:1.",
        ),
        ("return {loadstring('\\27Lua')}", "*0"),
        ("return (loadstring('return 7'))()", ":7"),
        (
            "local p = {'return ', '8', nil} local i = 0 return load(function() i = i + 1 return p[i] end)()",
            ":8",
        ),
        (
            "local ok, e = pcall(load, 'x') return e",
            "$54|bad argument #1 to '?' (function expected, got string)",
        ),
        ("local s = string.dump(function() end) return {loadstring(s)}", "*0"),
    ]);
}

#[test]
fn nothing_catches_a_kill() {
    let killed = "-ERR Script killed by user with SCRIPT KILL... script: sha, on @user_script:1.";
    for source in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(pcall, error) end",
        "local function f() pcall(f) end while true do f() end",
        "xpcall(function() while true do end end, function() while true do end end) while true do end",
        "local c = coroutine.wrap(function() while true do end end) while true do pcall(c) end",
        "while true do coroutine.wrap(function() pcall(function() while true do end end) end)() end",
    ] {
        let result = run(source);
        assert!(
            result.starts_with("-ERR Script killed by user")
                || result.starts_with("-ERR Error running script"),
            "{source}: {result}"
        );
    }
    assert_eq!(run("while true do end"), killed);
}

#[test]
fn what_takes_too_much_fails() {
    let mut vm = vm();
    for source in [
        "local t = {} while true do t[#t + 1] = {#t} end",
        "return ('x'):rep(1000000000)",
        "local s = 'x' while true do s = s .. s end",
        "local function f() return f() + 1 end return f()",
        "local function f() return pcall(f) end return {f()}",
        "local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)",
        "return cjson.decode(('['):rep(100000))",
        "return cmsgpack.unpack(('\\145'):rep(100000))",
        "return ('a'):rep(50000):find(('a?'):rep(20000) .. 'b')",
        "local s = 'return ' .. ('('):rep(100000) return loadstring(s)",
        "local f = function(f) return coroutine.wrap(f)(f) end return f(f)",
        "return {unpack({}, 1, 1e8)}",
        "return {unpack({}, -2147483648, 2147483647)}",
        "return (('x'):rep(1000)):gsub('', ('y'):rep(1000000))",
        "local t = {} t[1] = t return cmsgpack.pack(t)",
        "return table.concat({}, ('x'):rep(1000), 1, 10000000)",
        "return setmetatable({}, {__index = function(t, k) return t[k] end}).x",
        "return struct.pack('c2000000000', 'x')",
        "return string.format('%99999d', 1)",
    ] {
        let began = std::time::Instant::now();
        let result = run_as(&mut vm, source, false, &[], &[]);
        eprintln!("{:?} {source}", began.elapsed());
        assert!(result.len() < 200_000, "{source}: {}", result.len());
        vm.collect_garbage();
        assert!(vm.used_memory() < 8 << 20, "{source}: {} bytes stay", vm.used_memory());
    }
    let slow = "return (('a'):rep(30)):find(('a?'):rep(30) .. ('a'):rep(30))";
    let result = run_as(&mut vm, slow, false, &[], &[]);
    assert!(result == "*0" || result == ":1" || result.contains("killed"), "{result}");
}

#[test]
fn a_state_can_end_while_its_script_stands() {
    for source in [
        "while true do end",
        "while true do redis.call('get') end",
        "while true do pcall(redis.call, 'get') end",
    ] {
        let mut vm = vm();
        let function = vm.compile("@user_script", source.as_bytes()).expect("it compiles");
        let call = Call { function, name: "sha", globals: true, resp3: false };
        vm.begin(&call, std::iter::empty(), std::iter::empty());
        vm.resume();
    }
}

#[test]
fn libraries() {
    check(&[
        (
            "return cjson.encode({1,2,{a='x/y\"'},cjson.null,true})",
            "$30|[1,2,{\"a\":\"x\\/y\\\"\"},null,true]",
        ),
        ("return cjson.encode({})", "$2|{}"),
        (
            "return cjson.encode({[1]=1,[20]=2})",
            "-ERR user_script:1: Cannot serialise table: excessively sparse array script: sha, on @user_script:1.",
        ),
        ("return cjson.encode({1, nil, 3})", "$10|[1,null,3]"),
        ("return cjson.encode(0.1)", "$3|0.1"),
        ("return cjson.encode(1e20)", "$5|1e+20"),
        ("return cjson.decode('[1,[2,3],{\"a\":\"\\\\u00e9\"}]')[3].a", "$2|é"),
        ("return cjson.decode('{\"a\":null}').a == cjson.null", ":1"),
        (
            "return cjson.decode('[0x10, 1e3, .5]')[1]",
            "-ERR user_script:1: Expected value but found invalid token at character 13 script: sha, on @user_script:1.",
        ),
        (
            "return cjson.decode('{\"a\" 1}')",
            "-ERR user_script:1: Expected colon but found T_NUMBER at character 6 script: sha, on @user_script:1.",
        ),
        ("return cmsgpack.pack({1,2,3})", "$4|\u{fffd}\u{1}\u{2}\u{3}"),
        ("return cmsgpack.unpack(cmsgpack.pack({a={1,2,'x'}})).a", "*3|:1|:2|$1|x"),
        ("return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3), 1)}", "*2|:2|:2"),
        ("return cmsgpack.unpack('\\209\\255\\254')", ":-2"),
        ("return struct.unpack('>I2', struct.pack('>I2', 513))", ":513"),
        ("return {struct.unpack('<i4c0', struct.pack('<i4s', 3, 'abc'))}", "*2|$3|abc|:8"),
        ("return struct.size('!8i1d')", ":16"),
        ("return bit.tohex(255, 4)", "$4|00ff"),
        ("return bit.tohex(-1)", "$8|ffffffff"),
        ("return bit.bxor(5, 3)", ":6"),
        ("return redis.sha1hex('')", "$40|da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("return {('hello world'):find('o w')}", "*2|:5|:7"),
        ("return {('hello world'):match('(%w+) (%w+)')}", "*2|$5|hello|$5|world"),
        ("return {('key=val, k2=v2'):gsub('(%w+)=(%w+)', '%2=%1')}", "*2|$14|val=key, v2=k2|:2"),
        ("local r = {} for w in ('a b c'):gmatch('%a') do r[#r+1] = w end return r", "*3|$1|a|$1|b|$1|c"),
        ("return {('abc'):gsub('', '-')}", "*2|$7|-a-b-c-|:4"),
        (
            "return {('abc'):gsub('%w', {a='1', b=true})}",
            "-ERR user_script:1: invalid replacement value (a boolean) script: sha, on @user_script:1.",
        ),
        (
            "return ('abc'):gsub('%w', setmetatable({b='x'}, {__index = function(_, k) return k .. k end}))",
            "$5|aaxcc",
        ),
        (
            "return {('abc'):gsub('(a)(', '%2')}",
            "-ERR user_script:1: unfinished capture script: sha, on @user_script:1.",
        ),
        ("return ('abc'):gsub('()(', {'x'})", "$4|xabc"),
        ("return {unpack({5, 6, 7}, 2^32 + 2)}", "*2|:6|:7"),
        ("local t = {3,1,2} table.sort(t) return t", "*3|:1|:2|:3"),
        ("local t = {3,1,2} table.sort(t, function(a, b) return a > b end) return t", "*3|:3|:2|:1"),
        (
            "table.sort({3,1,2,5,4,7}, function() return true end)",
            "-ERR user_script:1: invalid order function for sorting script: sha, on @user_script:1.",
        ),
        ("table.sort({3,{},2})", "-ERR attempt to compare table with number script: sha, on @user_script:1."),
        ("return {('abc'):gsub('%w', function(c) return c:upper() end, 2)}", "*2|$3|ABc|:2"),
        ("return ('x'):rep(3)", "$3|xxx"),
        ("return {('THE (quick) fox'):find('%((%a+)%)')}", "*3|:5|:11|$5|quick"),
        ("return ('[[x]]'):match('%b[]')", "$5|[[x]]"),
        ("return ('THE (quick) fox'):gsub('%f[%a]%a+', 'W')", "$7|W (W) W"),
        ("return {('a.b'):find('.', 1, true)}", "*2|:2|:2"),
        (
            "math.randomseed(7) local a = math.random(100) math.randomseed(7) return a == math.random(100)",
            ":1",
        ),
        ("return #tostring(math.random()) > 1", ":1"),
        ("return type(os.clock())", "$6|number"),
    ]);
}

#[test]
fn libraries_of_functions_are_loaded() {
    let mut vm = Vm::new(Kind::Functions, MEMORY, SLICE_NS).expect("a state");
    vm.begin_library(
        b"local function f(keys, args) return {keys[1], args[1], redis.call('get', keys[1])} end\nredis.register_function{function_name='f', callback=f, flags={'no-writes'}, description='d'}\nredis.register_function('g', function() return redis.x end)",
        500_000_000,
    )
    .expect("it compiles");
    assert_eq!(finish(&mut vm, 10), "");
    let registered = vm.registered();
    assert_eq!(registered.len(), 2);
    assert_eq!((registered[0].name.as_slice(), registered[0].flags.len()), (&b"f"[..], 1));
    let call = Call { function: registered[0].function, name: "f", globals: false, resp3: false };
    vm.begin(&call, std::iter::once(&b"k"[..]), std::iter::once(&b"a"[..]));
    assert_eq!(finish(&mut vm, 10), "*3|$1|k|$1|a|$3|bar");
    for (source, expect) in [
        ("return 1", ""),
        (
            "redis.call('get')",
            "-ERR user_function:1: Script attempted to access nonexistent global variable 'call'",
        ),
        ("x = 1", "-ERR user_function:1: Attempt to modify a readonly table"),
        (
            "redis.register_function('f')",
            "-ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ),
        (
            "redis.register_function('a b', function() end)",
            "-ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ),
        (
            "redis.register_function('a', function() end) redis.register_function('a', function() end)",
            "-ERR Function already exists in the library",
        ),
        ("while true do end", "-ERR FUNCTION LOAD timeout"),
    ] {
        vm.begin_library(source.as_bytes(), 20_000_000).expect("it compiles");
        assert_eq!(finish(&mut vm, 1000), expect, "{source}");
        vm.registered();
    }
}

mod limits;

mod decoders {
    //! Whatever bytes a script hands to a decoder: an error or a value, never more.

    use super::{finish, vm};
    use crate::{Call, Reference, Vm};
    use proptest::prelude::*;
    use std::cell::RefCell;

    thread_local! {
        static STATE: RefCell<Option<(Vm, Reference)>> = const { RefCell::new(None) };
    }

    /// Tries every decoder on the same bytes, the one of replies too, and everything that makes text of what they gave.
    const SCRIPT: &str = "local text, format = ARGV[1], ARGV[2] \
        local function try(f, ...) local ok, value = pcall(f, ...) if ok then pcall(cjson.encode, value) pcall(cmsgpack.pack, value) end end \
        try(cmsgpack.unpack, text) try(cmsgpack.unpack_one, text, 1) try(cmsgpack.unpack_limit, text, 3) \
        try(cjson.decode, text) try(redis.call, 'raw', text) try(redis.pcall, 'raw', format) try(struct.unpack, format, text) try(struct.pack, format, 1, 2, text) try(struct.size, format) \
        try(string.find, text, format) try(string.gsub, text, format, text) try(string.match, format, text) \
        try(string.gsub, format, text, '%1') try(loadstring, text) try(loadstring, format) return 1";

    fn check(text: &[u8], format: &[u8]) {
        STATE.with_borrow_mut(|state| {
            let (vm, function) = state.get_or_insert_with(|| {
                let mut vm = vm();
                let function = vm.compile("@user_script", SCRIPT.as_bytes()).expect("it compiles");
                (vm, function)
            });
            let call = Call { function: *function, name: "sha", globals: true, resp3: false };
            vm.begin(&call, std::iter::empty(), [text, format].into_iter());
            let reply = finish(vm, 50);
            assert!(reply == ":1" || reply.contains("killed"), "{reply}");
        });
    }

    fn format() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(b"bBhHlLTiIfdxcs<>! 0123456789".to_vec()),
                proptest::sample::select(b"%abdw().*+-?[]^$1".to_vec()),
                any::<u8>(),
            ],
            0..24,
        )
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            proptest::collection::vec(
                proptest::sample::select(b"[]{}\",:0123456789.eE+-\\utrfalsn ".to_vec()),
                0..64
            ),
            proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(vec![0x81, 0x91, 0xdc, 0xdd, 0xde, 0xdf, 0xd9, 0xdb, 0xc0, 0]),
                    any::<u8>()
                ],
                0..64
            ),
            proptest::collection::vec(
                proptest::sample::select(vec![
                    "*2\r\n",
                    "*-1\r\n",
                    "*99999999999\r\n",
                    "%1\r\n",
                    "~2\r\n",
                    "|1\r\n",
                    "$3\r\nabc\r\n",
                    "$-1\r\n",
                    "$99\r\n",
                    ":1\r\n",
                    "+a\r\n",
                    "-b\r\n",
                    "-b c\r\n",
                    "_\r\n",
                    "#t\r\n",
                    ",1.5\r\n",
                    ",nan\r\n",
                    ",x\r\n",
                    "(12\r\n",
                    "=5\r\ntxt:a\r\n",
                    "=1\r\na\r\n",
                    "\r",
                    "\r\n",
                ]),
                0..12
            )
            .prop_map(|parts| parts.concat().into_bytes()),
        ]
    }

    proptest! {
        #[test]
        fn take_anything(text in text(), format in format()) {
            check(&text, &format);
        }
    }
}
