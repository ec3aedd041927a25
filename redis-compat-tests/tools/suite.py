"""redis-cli and redis-benchmark as they come: what they print against Redis, they print against Dunlin.

Each check runs the tool on both servers and compares the output, whole where it is deterministic, else the lines
that matter. Scripts are piped in, as operators do.
"""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from compat.resp import encode
from compat.results import Results
from compat.servers import StartFailed, reference, under_test

SECONDS = 90


class Tools:
    """Runs the tools against one server."""

    def __init__(self, server):
        self.server = server
        self.address = ["-h", server.host, "-p", str(server.port)]

    def cli(self, *arguments, feed=b""):
        return run_tool("redis-cli", *self.address, *arguments, feed=feed)

    def cli_on_terminal(self, *arguments, feed=b"", until=None):
        """redis-cli on a pseudo terminal, where it shows what it hides in a pipe; ended once `until` has appeared."""
        return on_terminal(["redis-cli", *self.address, *arguments], feed, until)

    def benchmark(self, *arguments):
        return run_tool("redis-benchmark", *self.address, *arguments)


def run_tool(*argv, feed=b""):
    """Output and errors together, bytes; a tool that does not end counts as an output of its own."""
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        return process.communicate(feed, timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return b"(did not end)" + process.communicate()[0]


def on_terminal(argv, feed, until):
    """What a program prints on a terminal, up to its end or to the time when `until` matches."""
    parent, child = pty.openpty()
    process = subprocess.Popen(argv, stdin=child, stdout=child, stderr=child, start_new_session=True,
                               env={**os.environ, "TERM": "dumb"})
    os.close(child)
    os.write(parent, feed)
    seen, deadline = b"", time.monotonic() + 20
    try:
        while time.monotonic() < deadline and not (until and re.search(until, seen)):
            if select.select([parent], [], [], 0.2)[0]:
                seen += os.read(parent, 65536)
    except OSError:
        pass  # The program ended and closed its terminal.
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(parent)
    return seen


SCRIPT = b"""
set greeting hello
get greeting
get missing
append greeting " world"
strlen greeting
mset a 1 b 2 c "three words"
mget a b c nope
incr a
incr c
expire a 1000
ttl a
type a
object encoding a
exists a b nope
del a b
nosuch command
set a
getrange greeting 0 4
select 3
dbsize
set "with space" "\\x00\\x01\\r\\n"
get "with space"
echo "quoted \\"text\\""
ping
client getname
client setname operator
client getname
scan 0 count 100
lcs greeting greeting len
config get maxmemory
command getkeys mset x 1 y 2
"""


def script_output(tools, *arguments):
    tools.cli("FLUSHALL")
    return tools.cli(*arguments, feed=SCRIPT)


def without_numbers(data):
    return re.sub(rb"[0-9][0-9.,]*", b"N", data)


def mass_insertion(tools):
    """redis-cli --pipe ends with the number of replies it saw."""
    tools.cli("FLUSHALL")
    data = b"".join(encode("SET", f"pipe:{n}", "x" * (n % 100)) for n in range(50_000))
    said = tools.cli("--pipe", feed=data)
    return said.splitlines()[-1:] + tools.cli("DBSIZE").splitlines()


def big_keys(tools):
    """The summary's figures; key names and progress lines follow the order of the scan."""
    tools.cli("FLUSHALL")
    tools.cli("--pipe", feed=b"".join(encode("SET", f"k:{n}", "x" * n) for n in range(500)))
    said = tools.cli("--bigkeys").decode(errors="replace")
    return [line for line in said.splitlines()
            if line.startswith(("Sampled ", "Total ", "Biggest string")) or "strings with" in line]


def mem_keys(tools):
    said = tools.cli("--memkeys").decode(errors="replace")
    return [re.sub(r"[0-9.]+", "N", line) for line in said.splitlines() if line.startswith("Sampled ")]


def scan(tools, *arguments):
    tools.cli("FLUSHALL")
    tools.cli("--pipe", feed=b"".join(encode("SET", f"k:{n}", n) for n in range(500)))
    return sorted(tools.cli("--scan", *arguments).splitlines())


def stat(tools):
    """A title, then lines of figures."""
    said = tools.cli_on_terminal("--stat", "-i", "0.1", until=rb"(\n\d[^\n]*){3}\n").decode(errors="replace")
    lines = said.splitlines()
    title = next((line.split() for line in lines if line.startswith("keys")), ["no title"])
    return [title, sum(1 for line in lines if line[:1].isdigit() and len(line.split()) >= 6) >= 3]


def latency(tools):
    """min, max, avg and the number of samples, again and again."""
    said = tools.cli_on_terminal("--latency", until=rb"min: \d+, max: \d+, avg: [0-9.]+ \(\d+ samples\)")
    return bool(re.search(rb"\d+ samples", said))


def help_texts(tools):
    """`help NAME` shows the syntax that COMMAND DOCS gives (those of SET, LCS and CLIENT KILL are of later versions)."""
    lines = []
    for name in ("setex", "get", "expire", "scan", "copy", "mset", "getex", "client pause", "object encoding", "config set"):
        said = re.sub(rb"\x1b\[[0-9;]*m", b"", tools.cli(feed=f"help {name}\n".encode())).decode(errors="replace")
        found = [line.strip() for line in said.splitlines() if line.strip().lower().startswith(name)]
        lines.append(found[0] if found else f"no help for {name}")
    return lines


def benchmark_lines(tools, *arguments):
    """One `NAME: N requests per second` a test, and no error."""
    said = tools.benchmark("-q", *arguments).replace(b"\r", b"\n").decode(errors="replace")
    lines = [line for line in said.splitlines() if "requests per second" in line]
    errors = [line for line in said.splitlines() if "rror" in line]
    return sorted({re.sub(r"[0-9.]+ requests.*", "N requests", line) for line in lines}) + errors


CHECKS = {
    "script, piped": script_output,
    "script, raw": lambda t: script_output(t, "--raw"),
    "script, csv": lambda t: script_output(t, "--csv"),
    "script, json": lambda t: script_output(t, "--json"),
    "script, RESP3": lambda t: script_output(t, "-3"),
    "script, no raw": lambda t: script_output(t, "--no-raw"),
    "arguments": lambda t: [t.cli("SET", "k", "v"), t.cli("-n", "2", "GET", "k"), t.cli("GET", "k"), t.cli("NOSUCH")],
    "-x reads the last argument": lambda t: [t.cli("-x", "SET", "k", feed=b"from stdin\n"), t.cli("GET", "k")],
    "-r repeats": lambda t: [t.cli("DEL", "n"), t.cli("-r", "5", "INCR", "n")],
    "-e ends with an error": lambda t: t.cli("-e", "INCR", "nosuch", "arguments"),
    "--pipe": mass_insertion,
    "--bigkeys": big_keys,
    "--memkeys": mem_keys,
    "--scan": scan,
    "--scan --pattern": lambda t: scan(t, "--pattern", "k:1*"),
    "--scan --count": lambda t: scan(t, "--count", "3"),
    "--stat": stat,
    "--latency": latency,
    "help": help_texts,
    "redis-benchmark set,get,incr,mset,ping": lambda t: benchmark_lines(
        t, "-t", "set,get,incr,mset,ping", "-n", "20000"),
    "redis-benchmark -P 16": lambda t: benchmark_lines(t, "-t", "set,get,incr,mset,ping", "-n", "50000", "-P", "16"),
    "redis-benchmark --threads 2": lambda t: benchmark_lines(
        t, "-t", "set,get,incr,mset,ping", "-n", "50000", "-P", "16", "--threads", "2"),
    "redis-benchmark -r -d --csv": lambda t: [
        without_numbers(line) for line in t.benchmark("-t", "set,get", "-n", "20000", "-r", "10000", "-d", "1024",
                                                      "--csv").splitlines() if line],
    "redis-benchmark with a command": lambda t: benchmark_lines(t, "-n", "20000", "-r", "1000", "SET", "key:__rand_int__", "v"),
}


def run(options):
    results = Results("tools")
    for tool in ("redis-cli", "redis-benchmark"):
        if not shutil.which(tool):
            results.fail(tool, "not installed; scripts/test installs it")
            return results
    try:
        with reference() as redis, under_test(options) as ours:
            for name, check in CHECKS.items():
                if options.only and not any(word in name for word in options.only):
                    continue
                expected, got = check(Tools(redis)), check(Tools(ours))
                # A reference that itself says nothing would agree with anything.
                vacuous = not expected or expected is False or "no help" in repr(expected) or "did not end" in repr(expected)
                results.check(name, expected == got and not vacuous, difference(expected, got))
            results.check("the server stays up", ours.alive(), ours.log()[-2000:])
    except StartFailed as error:
        results.fail("start", error)
    return results


def difference(expected, got):
    """The first lines that differ."""
    if isinstance(expected, bool):
        return f"redis: {expected}, dunlin: {got}"
    theirs, mine = (x.splitlines() if isinstance(x, bytes) else x for x in (expected, got))
    lines = [] if theirs != mine else ["Redis itself says nothing to compare with"]
    lines += [f"redis:  {a!r}\ndunlin: {b!r}" for a, b in zip(theirs, mine) if a != b][:5]
    if len(theirs) != len(mine):
        lines.append(f"redis has {len(theirs)} lines, dunlin {len(mine)}: {theirs[len(mine):][:3]} {mine[len(theirs):][:3]}")
    return "\n".join(lines)
