"""redis-cli and redis-benchmark as they come: what they print against Redis, they print against Dunlin.

Each check runs the tool on both servers and compares the output, whole where it is deterministic, else the lines
that matter. Scripts are piped in, as operators do.
"""
import os
import re
import shutil
import signal
import subprocess

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

    def cli_for(self, seconds, *arguments):
        """redis-cli in a mode that never ends: its output until it is interrupted."""
        argv = ["timeout", "-s", "INT", str(seconds), "redis-cli", *self.address, *arguments]
        return run_tool(*argv)

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
    return sorted(tools.cli("--scan", *arguments).splitlines())


def stat(tools):
    """Two lines of figures under the title: their columns."""
    said = tools.cli_for(1, "--stat", "-i", "0.2")
    lines = said.decode(errors="replace").splitlines()
    title = next((line.split() for line in lines if "keys" in line and "mem" in line), ["no title"])
    figures = [line.split() for line in lines if line[:1].isdigit()]
    return [title, bool(figures), bool(figures) and len(figures[0]) >= 6]


def latency(tools):
    """--latency, not on a terminal, prints min, max, average and samples once."""
    said = tools.cli_for(1, "--latency", "--raw", "-i", "1").split()
    return [len(said) >= 4, all(re.fullmatch(rb"[0-9.]+", word) for word in said[:4])]


def intrinsic_help(tools):
    """Hints and help come from COMMAND DOCS: what `help` prints for commands of ours must name the same syntax."""
    lines = []
    for name in ("set", "get", "expire", "scan", "copy", "lcs", "getex", "client kill", "object encoding", "config set"):
        said = tools.cli(feed=f"help {name}\n".encode()).decode(errors="replace")
        lines += [line.strip() for line in said.splitlines() if line.strip().lower().startswith(name)]
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]


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
    "help": intrinsic_help,
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
                results.check(name, expected == got and b"did not end" not in repr(expected).encode(),
                              difference(expected, got))
            results.check("the server stays up", ours.alive(), ours.log()[-2000:])
    except StartFailed as error:
        results.fail("start", error)
    return results


def difference(expected, got):
    """The first lines that differ."""
    theirs, mine = (x.splitlines() if isinstance(x, bytes) else x for x in (expected, got))
    lines = [f"redis:  {a!r}\ndunlin: {b!r}" for a, b in zip(theirs, mine) if a != b][:5]
    if len(theirs) != len(mine):
        lines.append(f"redis has {len(theirs)} lines, dunlin {len(mine)}: {theirs[len(mine):][:3]} {mine[len(theirs):][:3]}")
    return "\n".join(lines)
