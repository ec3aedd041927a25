"""Every difference from Redis 7.0.15 that is meant, with its reason. What is not declared here is a failure.

Dunlin follows Redis 7.2 where 7.0 and 7.2 differ. A reply pair is excused when a declaration's three patterns all
match: the request (words joined by a space, as latin-1), the reference's raw reply and Dunlin's raw reply.
"""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    reason: str
    request: str
    redis: str
    ours: str

    def covers(self, words, redis_raw, ours_raw):
        text = b" ".join(words).decode("latin-1")
        return bool(
            re.search(self.request, text, re.I | re.S)
            and re.search(self.redis, redis_raw.decode("latin-1"), re.S)
            and re.search(self.ours, ours_raw.decode("latin-1"), re.S)
        )


DIFFERENCES = [
    Difference(
        "7.2 words the last line of every HELP anew",
        r"^\S+ HELP$", r"\+    Prints this help\.\r\n$", r"\+    Print this help\.\r\n$",
    ),
    Difference(
        "a list of one block below the limit is a listpack since 7.2",
        r"^OBJECT ENCODING ", r"^\$9\r\nquicklist\r\n$", r"^\$8\r\nlistpack\r\n$",
    ),
    Difference(
        "7.2 refuses the one RANK that has no opposite; 7.0 takes it for another",
        r"^LPOS .*-9223372036854775808", r"", r"^-ERR value is out of range, value must between -9223372036854775807 and",
    ),
    Difference(
        "a small set with a member that is no integer is a listpack since 7.2",
        r"^OBJECT ENCODING ", r"^\$9\r\nhashtable\r\n$", r"^\$8\r\nlistpack\r\n$",
    ),
    Difference(
        "7.2 names the command in what it says of an odd list of streams",
        r"^XREAD(GROUP)? ", r"^-ERR Unbalanced XREAD list", r"^-ERR Unbalanced 'xread(group)?' list",
    ),
    Difference(
        "FULL of XINFO STREAM is an argument of its own since 7.2", r"^COMMAND DOCS xinfo arguments$", r"", r"'FULL'",
    ),
    Difference(
        "7.2 tells when a consumer was active", r"^XINFO (CONSUMERS|STREAM \S+ FULL)", r"", r"inactive|active-time",
    ),
    Difference(
        "COPY gives a small integer a private object in Redis; here none is shared, and all are told alike",
        r"^OBJECT REFCOUNT ", r"^:1\r\n$", r"^:2147483647\r\n$",
    ),
    Difference(
        "COMMAND GETKEYS takes a command without arguments since 7.2, so it looks at the command first",
        r"^COMMAND GETKEYS(ANDFLAGS)? \S*$",
        r"^-ERR wrong number of arguments for 'command\|getkeys",
        r"^-ERR (The command has no key arguments|Invalid number of arguments|Invalid command specified)",
    ),
    Difference(
        "the arity of COMMAND GETKEYS and GETKEYSANDFLAGS is -3 since 7.2",
        r"^COMMAND INFO command\|getkeys(andflags)? arity$", r"^:-4", r"^:-3",
    ),
    Difference(
        "command tips as in 7.2",
        r"^COMMAND INFO (msetnx|randomkey|scan|client\|setname|config\|resetstat|config\|rewrite) tips$", r"", r"",
    ),
    Difference(
        "ZRANK and ZREVRANK take WITHSCORE since 7.2", r"^Z(REV)?RANK ",
        r"^-ERR wrong number of arguments for 'z(rev)?rank'", r"^-ERR syntax error\r\n$",
    ),
    Difference(
        "as above", r"^COMMAND (INFO z(rev)?rank arity|DOCS z(rev)?rank (arguments|history))$", r"", r"",
    ),
    Difference(
        "loglevel has a further value in 7.2: nothing",
        r"^CONFIG SET .*loglevel", r"debug, verbose, notice, warning\r\n$", r"debug, verbose, notice, warning, nothing\r\n$",
    ),
    Difference(
        "7.2 says who has no right to run a command, and speaks of keys and channels in other words", r"",
        r"^-NOPERM this user has no permissions to ",
        r"^-NOPERM (User \S+ has no permissions to run the '\S+' command|No permissions to access a (key|channel))\r\n$",
    ),
    Difference(
        "as above", r"^ACL DRYRUN ", r"(T|t)his user has no permissions to ",
        r"User \S+ has no permissions to (run the '\S+' command|access the '\S+' (key|channel))\r\n$",
    ),
    Difference(
        "LATENCY DOCTOR and MEMORY DOCTOR speak in our own words", r"^(LATENCY|MEMORY) DOCTOR$", r"^[$=]", r"^[$=]",
    ),
    Difference(
        "before it closes on an HTTP request, Dunlin still sends the replies to the lines before; Redis drops them",
        r"^GET / HTTP/1\.1\r\nHost:", r"^$", r"^-ERR wrong number of arguments for 'get' command\r\n$",
    ),
    Difference(
        "SET has further forms from newer servers (IFEQ, IFNE)", r"^COMMAND DOCS set arguments$", r"", r"'IFEQ'",
    ),
    Difference(
        "7.2 hands a script's number to a command in its shortest form, and an integer without an exponent",
        r"^EVAL .*redis\.p?call\('echo'", r"^\$5\r\n1e\+17\r\n$", r"^\$18\r\n100000000000000000\r\n$",
    ),
    Difference(
        "of a STORE that is given twice the last one is stored to; Redis asks for rights to the first, and names it as key",
        r"^(ACL DRYRUN \S+ |COMMAND GETKEYS(ANDFLAGS)? )GEORADIUS(BYMEMBER)? .* STORE(DIST)? .* STORE(DIST)? ", r"", r"",
    ),
]

# CLIENT LIST and INFO have these fields since 7.2.
CLIENT_FIELDS_SINCE_7_2 = {b"lib-name", b"lib-ver"}

# INFO fields by section. Each further field of Dunlin's is fine (clients ignore what they don't know), each
# missing one must be named here.
INFO_FIELDS_NOT_OURS = {}

# CONFIG GET names of 7.0.15 that Dunlin does not have, and those whose default differs.
CONFIG_NAMES_NOT_OURS = {"aof-disable-auto-gc": "CONFIG GET * hides it since 7.2"}
CONFIG_DEFAULTS_OF_OUR_OWN = {
    "io-threads": "workers, one a core, where Redis has helpers of one thread",
}


def excused(words, redis_raw, ours_raw):
    """The reason why the pair may differ, or None."""
    return next((d.reason for d in DIFFERENCES if d.covers(words, redis_raw, ours_raw)), None)
