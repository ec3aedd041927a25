"""Random scripts: patterns and texts, and values through the libraries that a script has.

Each script is one call of a library under `pcall`; its results come back as text. Nothing depends on a table's order, on
an address, on the time, or on what an earlier script left (settings of cjson are put back: Dunlin keeps them for one
script only). Doubles of replies are such as 7.0 and 7.2 print alike.
"""
ALPHABETS = [b"ab", b"abc()[]%", b"a1 _-.", bytes(range(256)), b"xy\0z", b"aAbB09 \t\n"]
BODY = """local function text(v, depth)
  if type(v) == 'number' then return string.format('%.17g', v) end
  if type(v) == 'function' then return 'function' end
  if type(v) ~= 'table' then return type(v) .. ':' .. tostring(v) end
  if depth > 20 then return '...' end
  local parts = {}
  for key, value in pairs(v) do parts[#parts + 1] = text(key, depth + 1) .. '=' .. text(value, depth + 1) end
  table.sort(parts)
  return '{' .. table.concat(parts, ',') .. '}'
end
local function all(...)
  local results = {select('#', ...)}
  for index = 1, results[1] do results[index + 1] = text((select(index, ...)), 0) end
  return results
end
"""
POSITIONS = "1 2 0 -1 -3 5 100 -100 1e300 -1e300 0/0 1.7 -1.7 2^31 2^32+2 2^53 nil '2'".split()
NUMBERS = """0 -1 1 7 -32 -33 127 128 255 256 -128 -129 32767 32768 -32768 -32769 65535 65536 2^31-1 2^31 -2^31 -2^31-1 2^32-1 2^32
    2^53 2^63 -2^63 2^64 0/0 1/0 -1/0 -0 5e-324 1.7976931348623157e308 0.1 1.5 2.5 -2.5 3.15 1e14 1e15 1e16 1e17 123456789012345
    99999999999999.5 1e-5 1e-4""".split()
JSON = """true false null nul NaN nan -nan inf -Infinity +1 0x1F -0x1p4 01 1. .5 -.5 - 1e5 1E+5 1e 1e400 -1e-400 5e-324 0 -0 00 0x 0xg
    infinityx nanx +inf 1.5.5 123456789012345678901234567890 -7 42 3.25""".split()
JSON_PIECES = ["a", "\\n", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\udc00", "\\u12", "\\x", '\\"', "\\/", "\\b", "\x01", "\\u0000",
               "\\ud800\\u0041", "\\uFFFF", "\t"]
PACKED = bytes.fromhex("8191 92a1c0c2c3cacbcccdcecfd0d1d2d3d9dadbdcdddedfc1c4d4ff01000000617f80")
STRUCT = "b B h H l L T i I i1 I2 i3 I4 i8 I8 i16 I32 i33 f d c c0 c3 s x < > ! !4 !3 !8 !16 z = c99999999999 i0 10".split() + [" ", "\0"]
FORMATS = """%d %5d %-5d %05d %+d %i %u %c %x %X %#x %o %e %E %.3e %f %.0f %.20f %10.2f %g %G %.17g %.1g %#g %s %10s %-10s %.3s %q %% a
    % %5 %y %123d %.123d %99.99f %5.5s %-+#0d""".split()
CALLS = """table.concat(t,V,P,P) table.concat(t) table.insert(t,V) table.insert(t,Q,7) table.remove(t) table.remove(t,P) table.sort(t)
    table.sort(t,function(a,b)return(a>b)end) table.sort(t,function()return(true)end) table.maxn(t) #t unpack(t) unpack(t,P,P) next(t)
    select(P,1,2,3) rawget(t,P) string.byte('hello',P,P) string.char(P,P) string.sub('hello',P,P) string.rep('ab',-1) string.rep('ab',2.9)
    string.rep('ab',2^32+1) string.reverse(S) string.upper(S) string.len(S) tonumber(S,P) tonumber('0x1f') tonumber('7f',16) math.max(N,N)
    math.fmod(N,N) math.floor(N) math.modf(N) math.frexp(N) (N)%(N) tostring(N) pcall(error,V) assert(false,V) xpcall(error,tostring)
    loadstring('x!x') loadstring(S) redis.sha1hex(S) redis.sha1hex(N) string.format(F,V,V) string.format(F,N,N) bit.tohex(N,P) bit.band(N,N,N)
    bit.lshift(N,P) bit.arshift(N,P) bit.rol(N,P) bit.bswap(N) bit.tobit(N)""".split()


def quote(data):
    return "'" + "".join(f"\\{byte:03}" for byte in data) + "'"


def some_bytes(rng, longest=12):
    alphabet = rng.choice(ALPHABETS)
    return bytes(rng.choice(alphabet) for _ in range(rng.randint(0, longest)))


def number(rng):
    roll = rng.random()
    if roll < 0.4:
        return rng.choice(NUMBERS)
    if roll < 0.6:
        return str(rng.randint(-10, 300))
    return repr(rng.uniform(-1000, 1000) if roll < 0.8 else rng.random() * 10.0 ** rng.randint(-300, 300))


def value(rng, depth=3):
    roll = rng.random()
    if depth == 0 or roll < 0.3:
        return rng.choice([number(rng), number(rng), quote(some_bytes(rng)), rng.choice(["true", "false", "nil", "cjson.null"])])
    if roll < 0.65:
        return "{" + ",".join(value(rng, depth - 1) for _ in range(rng.randint(0, 5))) + "}"
    # One key, so that there is no order.
    key = rng.choice([str(rng.randint(-1, 25)), quote(some_bytes(rng, 4)), "1.5", "2^31", "1", "2", "true"])
    return f"{{[{key}]={value(rng, depth - 1)}}}"


def tagged(rng):
    return rng.choice([
        "{err='E x'}", "{err='A\\r\\nb'}", "{err=1}", "{ok='fine'}", "{ok='a\\r\\nb'}", "{ok=1}", "{double=3.25}", "{double=-1/0}",
        "{double='1'}", f"{{map={{a={value(rng, 1)}}}}}", "{map=1}", "{set={x=true}}", "{set={}}", "{big_number='1\\n2'}",
        "{verbatim_string={format='txt',string='x'}}", "{verbatim_string={format='',string='x'}}", "{verbatim_string={string='x'}}",
        f"{{1,{value(rng, 2)},{{ok='in'}}}}",
    ])


def single(rng):
    roll = rng.random()
    if roll < 0.35:
        return rng.choice(b"abcxyz019 _-.").to_bytes(1, "big")
    if roll < 0.5:
        return b"."
    if roll < 0.75:
        return b"%" + rng.choice(b"acdlpsuwxzACDLPSUWXZ.%()[]-$^eqg0").to_bytes(1, "big")
    parts = [b"a-c", b"0-9", b"%a", b"%d", b"%]", b"]", b"-", b"^", b"x", b"%w-z", b"a-", b"z-a", b"%", b"[", b"\xff", b"a-%w", b"."]
    body = b"".join(rng.choice(parts) for _ in range(rng.randint(0, 3)))
    return b"[" + rng.choice([b"", b"^"]) + body + (b"]" if rng.random() < 0.93 else b"")


def item(rng):
    roll = rng.random()
    if roll < 0.7:
        return single(rng) + rng.choice([b"", b"", b"", b"*", b"+", b"-", b"?"])
    if roll < 0.8:
        return b"(" + items(rng, 2) + (b")" if rng.random() < 0.95 else b"")
    if roll < 0.85:
        return rng.choice([b"()", b"()%1"])
    if roll < 0.88:
        return b"%" + rng.choice([b"1", b"2", b"9", b"0"])
    if roll < 0.92:
        return b"%b" + rng.choice([b"()", b"ab", b"xx", b"(", b"", b"\0a"])
    if roll < 0.96:
        return b"%f" + rng.choice([b"[%a]", b"[^%a]", b"[a-c]", b"a", b"[%z]", b"[", b"[^]"])
    return rng.choice([b"^", b"$", b")", b"%", b"\0", b"]"])


def items(rng, most):
    return b"".join(item(rng) for _ in range(rng.randint(0, most)))


def patterns(rng):
    pattern = rng.choice([b"", b"", b"", b"^"]) + items(rng, 4) + rng.choice([b"", b"", b"$"])
    replacement = b"".join(rng.choice([b"%0", b"%1", b"%2", b"%9", b"x", b"%%", b"%a", b"%", b"yy"]) for _ in range(rng.randint(0, 3)))
    place = rng.choice(POSITIONS)
    call = rng.choice([
        "find(ARGV[1], ARGV[2])", f"find(ARGV[1], ARGV[2], {place}, {rng.choice(['true', 'false', 'nil'])})", "match(ARGV[1], ARGV[2])",
        f"match(ARGV[1], ARGV[2], {place})", "gsub(ARGV[1], ARGV[2], ARGV[3])", f"gsub(ARGV[1], ARGV[2], ARGV[3], {place})",
        "gsub(ARGV[1], ARGV[2], function(...) return select('#', ...) .. text({...}, 0) end)",
        "gsub(ARGV[1], ARGV[2], function(a) if a == 'a' then return false elseif a ~= 'b' then return a end end)",
        f"gsub(ARGV[1], ARGV[2], {{a = 'AA', b = 1.5, ab = false, [1] = 'one', [''] = 'E', c = {rng.choice(['7', 'true', '{}'])}}})",
        "gsub(ARGV[1], ARGV[2], setmetatable({a = 'x'}, {__index = function(_, key) return '<' .. key .. '>' end}))", "gmatch",
    ])
    script = f"return all(string.{call})"
    if call == "gmatch":
        script = "local r = {} for a, b in string.gmatch(ARGV[1], ARGV[2]) do r[#r + 1] = text({a, b}, 0) if #r > 50 then break end end return r"
    return ["EVAL", BODY + script, "0", some_bytes(rng), pattern, replacement]


def json(rng, depth=3):
    roll = rng.random()
    if depth == 0 or roll < 0.5:
        return rng.choice([rng.choice(JSON), '"' + "".join(rng.choice(JSON_PIECES) for _ in range(rng.randint(0, 4))) + '"'])
    space = rng.choice(["", "", "", " ", "\n", "\t", "\x0b"])
    if roll < 0.75:
        return "[" + space + ",".join(json(rng, depth - 1) for _ in range(rng.randint(0, 4))) + space + "]"
    keys = ['"a"', '"b"', '""', '"a\\u0000"', "1"]
    return "{" + ",".join(rng.choice(keys) + space + ":" + json(rng, depth - 1) for _ in range(rng.randint(0, 3))) + "}"


def damaged(rng, text):
    data = bytearray(text.encode("latin-1"))
    if data and rng.random() < 0.25:
        at = rng.randrange(len(data))
        data[at : at + rng.randint(0, 1)] = bytes(rng.choice(b'[]{},:"\\0-x\0e. ') for _ in range(rng.randint(0, 1)))
    return bytes(data)


def with_cjson(rng, call, *args):
    setting = rng.choice(["", "", "", f"cjson.encode_sparse_array({rng.choice(['true', 'false', 'nil'])}, {rng.randint(0, 3)}, {rng.randint(0, 10)})",
                          f"cjson.encode_max_depth({rng.randint(1, 4)})", f"cjson.decode_max_depth({rng.randint(1, 4)})",
                          f"cjson.encode_number_precision({rng.randint(0, 15)})", "cjson.decode_invalid_numbers(false)",
                          f"cjson.encode_invalid_numbers({rng.choice(['true', 'false'])})"])
    script = f"""local results = all(pcall(function() {setting} return {call} end))
cjson.encode_sparse_array(false, 2, 10) cjson.encode_max_depth(1000) cjson.decode_max_depth(1000) cjson.encode_number_precision(14)
cjson.encode_invalid_numbers(false) cjson.decode_invalid_numbers(true) return results"""
    return ["EVAL", BODY + script, "0", *args]


def libraries(rng):
    kind = rng.choice("encode decode pack unpack struct struct reply call call".split())
    if kind == "encode":
        return with_cjson(rng, f"cjson.encode({value(rng)})")
    if kind == "decode":
        return with_cjson(rng, "cjson.decode(ARGV[1])", damaged(rng, json(rng)))
    if kind == "reply":
        return ["EVAL", rng.choice(["", "redis.setresp(3) ", "redis.setresp(2) "]) + "return " + rng.choice([value, tagged])(rng), "0"]
    args = []
    if kind == "pack":
        call = f"cmsgpack.pack({','.join(value(rng) for _ in range(rng.randint(0, 3)))})"
    elif kind == "unpack":
        low, high = rng.randint(-2, 5), rng.randint(-1, 12)
        call = rng.choice(["cmsgpack.unpack(ARGV[1])", "cmsgpack.unpack_one(ARGV[1])", f"cmsgpack.unpack_one(ARGV[1], {high})",
                           f"cmsgpack.unpack_limit(ARGV[1], {low})", f"cmsgpack.unpack_limit(ARGV[1], {low}, {high})"])
        args = [bytes(rng.choice(PACKED) if rng.random() < 0.8 else rng.randrange(256) for _ in range(rng.randint(0, 14)))]
    elif kind == "struct":
        args = ["".join(rng.choice(STRUCT) for _ in range(rng.randint(0, 6))), bytes(rng.choice([0, rng.randrange(256)]) for _ in range(rng.randint(0, 40)))]
        values = "".join("," + rng.choice([number(rng), quote(some_bytes(rng))]) for _ in range(rng.randint(0, 4)))
        call = rng.choice([f"struct.pack(ARGV[1]{values})", "struct.unpack(ARGV[1], ARGV[2])", f"struct.unpack(ARGV[1], ARGV[2], {number(rng)})",
                           "struct.size(ARGV[1])"])
    else:
        # An index far below the first would have Redis fill its memory.
        letters = {"Q": lambda: str(rng.randint(-2, 9)), "P": lambda: rng.choice([str(rng.randint(-2, 9)), "nil", rng.choice(POSITIONS)]), "V": lambda: value(rng, 1),
                   "S": lambda: quote(some_bytes(rng)), "N": lambda: number(rng),
                   "F": lambda: quote("".join(rng.choice(FORMATS) for _ in range(rng.randint(1, 3))).encode())}
        call = "".join(letters.get(letter, lambda letter=letter: letter)() for letter in rng.choice(CALLS)).replace("!", " ")
    table = "{" + ",".join(rng.choice([str(rng.randint(0, 9)), "'a'", "1.5"]) if rng.random() < 0.2 else str(rng.randint(0, 9)) for _ in range(rng.randint(0, 8))) + "}"
    return ["EVAL", f"{BODY}local t = {table} local results = all(pcall(function() return {call} end)) results[#results + 1] = text(t, 0) return results", "0", *args]
