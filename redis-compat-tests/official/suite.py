"""Runs units of Redis' own Tcl suite, one process a unit, in two modes.

`external` points the suite at a running server (`--host --port --durable`). `spawned` lets the suite start
servers itself, through a wrapper that exec's the server under test: that is how the tests tagged external:skip
(all of unit/info and unit/limits, a third of unit/introspection) can run at all.

Each unit meets a fresh server and has a time-out, so that one failure hides nothing of the next. What Redis
7.0.15 itself passes in this mode is recorded in `baseline.txt`; every test of that list must pass, except those
in `not_yet_passed.txt`, which may only get shorter: a listed test that passes fails the run until it is removed.
The suite itself comes from Debian's source package (scripts/test fetches it); nothing of it is in this folder.
"""
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from compat import certificates
from compat.results import Results
from compat.servers import REFERENCE, REFERENCE_VERSION, STATE, StartFailed, is_redis, reference, under_test

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINE = os.path.join(HERE, "baseline.txt")
NOT_YET = os.path.join(HERE, "not_yet_passed.txt")
SOURCE = os.path.join(STATE, "redis-source")
# Some tests send from one connection what must run after what another has sent, and don't wait for that: only one thread
# that executes takes them in the order of their arrival.
ONE_WORKER = {"io-threads": 1}
UNITS = [
    "unit/type/string",
    "unit/type/incr",
    "unit/type/list",
    "unit/type/list-2",
    "unit/type/list-3",
    "unit/type/zset",
    "unit/sort",
    "unit/dump",
    "unit/geo",
    "unit/type/set",
    "unit/type/stream",
    "unit/type/stream-cgroups",
    "unit/type/hash",
    "unit/keyspace",
    "unit/multi",
    "unit/expire",
    "unit/scan",
    "unit/bitops",
    "unit/bitfield",
    "unit/hyperloglog",
    "unit/info",
    "unit/info-command",
    "unit/introspection",
    "unit/introspection-2",
    "unit/limits",
    "unit/protocol",
    "unit/quit",
    "unit/latency-monitor",
    "unit/slowlog",
    "unit/violations",
    "unit/lazyfree",
    "unit/other",
    "unit/pubsub",
    "unit/scripting",
    "unit/functions",
    "unit/pause",
    "unit/querybuf",
    "unit/tracking",
    "unit/replybufsize",
    "integration/redis-cli",
]
SPAWNED_UNITS = [
    "unit/type/string",
    "unit/type/stream-cgroups",
    "unit/dump",
    "unit/keyspace",
    "unit/multi",
    "unit/expire",
    "unit/bitfield",
    "unit/info",
    "unit/introspection",
    "unit/limits",
    "unit/auth",
    "unit/acl",
    "unit/acl-v2",
    "unit/other",
    "unit/scripting",
    "unit/functions",
    "unit/pubsubshard",
    "unit/maxmemory",
    "unit/memefficiency",
    "unit/obuf-limits",
    "unit/pause",
    "unit/tls",
    "unit/oom-score-adj",
    "unit/shutdown",
    "unit/networking",
    "unit/client-eviction",
    "unit/aofrw",
    "integration/redis-cli",
    "integration/redis-benchmark",
    "integration/corrupt-dump",
]
# Units that are not run at all, and why. Those of replication, RDB files and cluster mode have no line each.
LEFT_OUT = {
    "integration/aof": "waits for lines of Redis' own log; tests/crash and crates/storage have the same cases",
    "integration/aof-multi-part": "as above",
    "integration/logging": "asserts what Redis logs of its own crash",
    "integration/corrupt-dump-fuzzer": "runs for as long as it is told to; tests/fuzz/rdb.rs is ours",
    "integration/dismiss-mem": "asserts what Redis' child gives back after a fork",
    "unit/wait": "has replicas",
    "unit/pendingquerybuf": "has a replica",
    "unit/printver": "has no test",
}
# These assert the encodings of 7.0 in most of their tests, before what the test is about. Since 7.2 a short list is a
# listpack; the project's own tests (src/command/list/tests.rs) check where the encoding changes.
ENCODINGS_DIFFER = {"unit/type/list", "unit/sort"}
# With these settings a server of 7.2 has the encodings that these units, of 7.0, ask for.
SETTINGS_OF_7_0 = {
    "unit/type/set": {"set-max-listpack-entries": 0},
    "unit/scan": {"set-max-listpack-entries": 0},
    "unit/keyspace": {"set-max-listpack-entries": 0},
}
# What 7.2 says otherwise, as the suite of 7.2 has it: without this, most tests of these units would show nothing. A third
# part is how many of the places, from the first on, are meant.
WORDS_OF_7_2 = {
    "unit/type/stream-cgroups": [
        ('r DEL mystream\n        assert_error "*no longer exists*"', 'r DEL mystream\n        assert_error "NOGROUP*"'),
        ('r FLUSHALL\n        assert_error "*no longer exists*"', 'r FLUSHALL\n        assert_error "NOGROUP*"'),
        ('r SWAPDB 4 9\n        assert_error "*no longer exists*"', 'r SWAPDB 4 9\n        assert_error "NOGROUP*"', 1),
        ('assert_error "*no longer exists*"', 'assert_error "*WRONGTYPE*"'),
        ("            assert_equal $n_consumers 2", "            assert_equal $n_consumers 3"),
        ('[lindex $consumer_info 1] "Charlie"', '[lindex $consumer_info 1] "Bob"'),
    ],
    "unit/acl-v2": [
        ("This user has no permissions to access the 'otherchannel'", "User test-channels has no permissions to access the 'otherchannel'"),
        ("This user has no permissions to", "User command-test has no permissions to"),
        ("NOPERM this user has no permissions to access one of the keys used as arguments", "NOPERM No permissions to access a key"),
        ("*NOPERM*keys*", "*NOPERM*key*"),
    ],
    "unit/acl": [
        ("*NOPERM*channels*", "*NOPERM*channel*"),
        ("{user hpuser on nopass resetchannels", "{user hpuser on nopass sanitize-payload resetchannels"),
        ("client|id\n        # Validate the new commands has got engulfed to +@all.\n        set cmdstr [dict get [r ACL getuser bob] "
         "commands]\n        assert_equal {+@all}", "client|id\n        set cmdstr [dict get [r ACL getuser bob] commands]\n"
         "        assert_equal {+@all +client|id}"),
        ("This user has no permissions to run", "User scripter has no permissions to run"),
    ],
}
# What stands outside of any test and would end the unit. SCRIPT DEBUG is refused; the tests of the debugger themselves are
# listed in not_yet_passed.txt.
TAKEN_OUT = {
    "unit/scripting": [
        ("    r script debug sync\n    r eval {return 'hello'} 0\n    r eval {return 'hello'} 0\n", ""),
    ],
}
# Replication, RDB files and cluster mode are left out as a whole; so is what needs several GB.
DENIED_TAGS = "-needs:repl -needs:save -repl -cluster"
# What needs:repl means there is the stream that replicas are sent, or the name of a setting only: no replica takes part. Those
# that do need one are listed.
NO_REPLICA_NEEDED = {"unit/slowlog", "unit/introspection", "unit/multi"}
# ... in mode external only: the servers that the suite starts itself would follow each other.
NO_REPLICA_NEEDED_OUTSIDE = {"unit/expire", "unit/scripting", "unit/type/list", "unit/type/string", "unit/type/zset"}
# These run over TLS; the suite finds the certificates in a folder beside its tests.
OVER_TLS = {"unit/tls"}
ROWS = [("external", unit) for unit in UNITS] + [("spawned", unit) for unit in SPAWNED_UNITS]
UNIT_TIMEOUT_SECONDS = 120
PORT_ATTEMPTS = 3
OUTCOME = re.compile(r"^\[(ok|err|exception|ignore|skip|TIMEOUT)\]: ?(.*)$")
# A reason that begins so keeps a test from being run at all: what follows it in the unit could not run.
NOT_RUN = "not run: "
NOT_YET_HEADER = """\
# Tests of the official suite that Redis 7.0.15 passes and Dunlin does not yet: mode | unit | test | reason.
# This list only gets shorter: `redis-compat-tests/run official --update` removes what passes now.
# A reason that begins with `not run:` keeps the test from being run, because it would take the rest of the unit with it.
"""


class Unit:
    """What one run of a unit said: `passed` test names, `failed` name -> details, `crash` text or None."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.ignored, self.crash = name, [], {}, [], None
        self.seconds = 0.0


def unnumbered(names, name):
    """Names that come several times in a unit are told apart by a count."""
    name = name.strip()  # as the lists have it
    count = names.get(name, 0) + 1
    names[name] = count
    return name if count == 1 else f"{name} #{count}"


def parse(unit, text):
    """Reads the suite's output into `unit`."""
    seen, last = {}, None
    for line in text.splitlines():
        found = OUTCOME.match(line)
        if not found:
            if last is not None and line and not line.startswith(("[", "===", "Testing ", "***", "Cleanup")):
                unit.failed[last] += "\n" + line
            continue
        outcome, rest = found.groups()
        last = None
        if outcome == "ok":
            unit.passed.append(unnumbered(seen, re.sub(r" \(\d+ ms\)$", "", rest)))
        elif outcome == "err":
            name, _, _path = rest.partition(f" in tests/{unit.name}.tcl")
            last = unnumbered(seen, name)
            unit.failed[last] = ""
        elif outcome in ("exception", "TIMEOUT"):
            unit.crash = rest or outcome
        else:
            unit.ignored.append(rest)
    if unit.crash is None and "The End" not in text:
        unit.crash = "the suite ended early:\n" + "\n".join(text.splitlines()[-10:])


def working_copy(command, unit, is_reference):
    """A folder that looks like the source tree, with a tests/tmp of its own, so that runs don't meet.

    Its src/redis-server starts `command`; it is exec'ed, because the suite looks for the PID in the log. Unless it is for
    the reference, the unit says what 7.2 says.
    """
    folder = tempfile.mkdtemp(prefix="dunlin-official-")
    os.mkdir(os.path.join(folder, "src"))
    for tool in ("redis-cli", "redis-benchmark"):
        os.symlink(shutil.which(tool) or f"/usr/bin/{tool}", os.path.join(folder, "src", tool))
    wrapper = os.path.join(folder, "src", "redis-server")
    with open(wrapper, "w", encoding="utf-8") as out:
        out.write("#!/bin/sh\n")
        if command != "false" and not is_reference:
            # The suite expects Redis' default addresses; Dunlin binds only 127.0.0.1 by itself.
            out.write("[ ! -f \"$1\" ] || grep -q '^bind ' \"$1\" || echo 'bind * -::*' >> \"$1\"\n")
            # One worker, as above.
            out.write("[ ! -f \"$1\" ] || grep -q '^io-threads ' \"$1\" || echo 'io-threads 1' >> \"$1\"\n")
            for setting, value in SETTINGS_OF_7_0.get(unit, {}).items():
                out.write(f"[ ! -f \"$1\" ] || echo '{setting} {value}' >> \"$1\"\n")
            out.write(f'DUNLIN_METRICS_BIND= exec {command} "$@"\n')
        else:
            out.write(f'exec {command} "$@"\n')
    os.chmod(wrapper, 0o755)
    os.makedirs(os.path.join(folder, "tests", "tmp"))
    for entry in os.listdir(os.path.join(SOURCE, "tests")):
        if entry != "tmp":
            os.symlink(os.path.join(SOURCE, "tests", entry), os.path.join(folder, "tests", entry))
    edits = WORDS_OF_7_2.get(unit, []) + TAKEN_OUT.get(unit, [])
    if edits and not is_reference:
        copy_edited(folder, unit, edits)
    os.symlink(os.path.join(SOURCE, "utils"), os.path.join(folder, "utils"))
    return folder


def settings_for(options, unit):
    """What a server of its own is started with beside the usual."""
    return {} if is_redis(options.server) else SETTINGS_OF_7_0.get(unit, {})


def copy_edited(folder, unit, edits):
    """Puts a copy of the unit, with other words in some places, in the place of the link to the source's units."""
    path = os.path.join(folder, "tests")
    for part in unit.split("/")[:-1]:
        # A folder of links in the place of a link to a folder.
        path = os.path.join(path, part)
        linked = os.path.realpath(path)
        os.unlink(path)
        os.mkdir(path)
        for entry in os.listdir(linked):
            os.symlink(os.path.join(linked, entry), os.path.join(path, entry))
    copy = os.path.join(folder, "tests", f"{unit}.tcl")
    with open(copy, encoding="utf-8") as source:
        text = source.read()
    for old, new, *count in edits:
        text = text.replace(old, new, *count)
    os.unlink(copy)
    with open(copy, "w", encoding="utf-8") as out:
        out.write(text)


def make_certificates(folder):
    """What the suite wants below tests/tls: those of the other suites, by the names that it knows."""
    folder = certificates.make(os.path.join(folder, "tests", "tls"))
    for kind in ("crt", "key"):
        shutil.copy(os.path.join(folder, f"server.{kind}"), os.path.join(folder, f"redis.{kind}"))
    certificates.openssl(folder, "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", "redis.dh")


class PortRanges:
    """Ranges of ports for units that run side by side: no two of them share one.

    The suite looks upwards from its base port for ports (and those 10,000 above) that it can listen on, closes what it
    tried, and opens them later: of two units that search the same ports one would find its port taken.
    """

    FIRST, LAST, SIZE = 10500, 21000, 525  # below the kernel's usual ephemeral ports, with the 10,000
    BELOW = 32  # the suite's own server listens so many below the base port, or a little higher

    def __init__(self):
        self.lock = threading.Lock()
        self.free = list(range(self.FIRST, self.LAST, self.SIZE))
        # Another run on the same machine most likely begins elsewhere.
        random.shuffle(self.free)

    @contextmanager
    def one(self):
        """A range's base port. The range given back is the last to be used again."""
        with self.lock:
            start = self.free.pop(0)
        try:
            yield start + self.BELOW
        finally:
            with self.lock:
                self.free.append(start)


PORT_RANGES = PortRanges()


def run_unit(mode, name, server, timeout=UNIT_TIMEOUT_SECONDS, skipped=()):
    """Runs one unit; `server` is a running server, or for mode `spawned` the command that starts one.

    A port may still be taken by a stranger between the suite's look and its use: then nothing of the unit ran, and it
    begins again with other ports.
    """
    for attempt in range(PORT_ATTEMPTS):
        with PORT_RANGES.one() as base_port:
            unit, output = run_unit_at(base_port, mode, name, server, timeout, skipped)
        taken = "address already in use" in output and not unit.passed and not unit.failed
        if not taken or attempt + 1 == PORT_ATTEMPTS:
            return unit
        print(f"official {mode} {name}: a port was taken, again", flush=True)


def run_unit_at(base_port, mode, name, server, timeout, skipped):
    """`run_unit` with the ports from `base_port`: the unit, and all that the suite printed.

    `skipped` tests do not run, because they would take the rest of the unit down with them.
    """
    command = server if mode == "spawned" else "false"
    started_by = command if mode == "spawned" else getattr(server, "command", None)
    is_reference = started_by is not None and is_redis(started_by)
    unit, folder, started = Unit(name), working_copy(command, name, is_reference), time.monotonic()
    argv = ["tclsh", "tests/test_helper.tcl", "--durable", "--single", name, "--timeout", str(timeout)]
    follows_none = name in NO_REPLICA_NEEDED or mode == "external" and name in NO_REPLICA_NEEDED_OUTSIDE
    denied = DENIED_TAGS.replace("-needs:repl ", "") if follows_none else DENIED_TAGS
    argv += ["--tags", denied, "--baseport", str(base_port), "--portcount", str(PortRanges.SIZE - PortRanges.BELOW), "--clients", "1"]
    if name in OVER_TLS:
        make_certificates(folder)
        argv.append("--tls")
    if name in ENCODINGS_DIFFER:
        argv += ["--ignore-encoding"]
    for test in skipped:
        argv += ["--skiptest", test]
    if mode == "external":
        argv += ["--host", server.host, "--port", str(server.port)]
    process = subprocess.Popen(
        argv, cwd=folder, env={**os.environ, "TERM": "dumb"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )
    try:
        output = process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0] + b"\n[TIMEOUT]: no end after %d seconds\n" % timeout
    finally:
        # The session holds the suite's clients and the servers that it spawned.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        shutil.rmtree(folder, ignore_errors=True)
    output = output.decode(errors="replace")
    parse(unit, output)
    unit.seconds = time.monotonic() - started
    return unit, output


def read_list(path, columns):
    rows = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.strip() and not line.startswith("#"):
                    rows.append(tuple(part.strip() for part in line.rstrip("\n").split(" | ", columns - 1)))
    return rows


def write_not_yet(rows):
    with open(NOT_YET, "w", encoding="utf-8") as out:
        out.write(NOT_YET_HEADER)
        out.writelines(" | ".join(row) + "\n" for row in rows)


def write_baseline(kept):
    with open(BASELINE, "w", encoding="utf-8") as out:
        out.write(f"# Tests of the official suite that Redis {REFERENCE_VERSION} itself passes: mode | unit | test.\n")
        out.write("# Recorded by `redis-compat-tests/run official --record-baseline`: passed in each of three runs.\n")
        out.writelines(" | ".join(row) + "\n" for row in sorted(kept, key=lambda r: (ROWS.index(r[:2]), r[2])))


def record_unit(mode, name, timeout, runs=3):
    """What Redis passes in every one of `runs` runs: a test that flickers there proves nothing here."""
    stable = None
    for _ in range(runs):
        if mode == "spawned":
            unit = run_unit(mode, name, shutil.which(REFERENCE), timeout)
        else:
            with reference() as server:
                unit = run_unit(mode, name, server, timeout)
        print(f"baseline {mode} {name}: {len(unit.passed)} passed, {len(unit.failed)} failed, "
              f"{len(unit.ignored)} left out, {unit.seconds:.1f} s {unit.crash or ''}", flush=True)
        for failed, why in unit.failed.items():
            print(f"    redis fails: {failed}: {why.strip().splitlines()[:1]}")
        stable = set(unit.passed) if stable is None else stable & set(unit.passed)
    return {(mode, name, test) for test in stable}


def record_baseline(rows, options):
    """Records unit after unit; what is done stays done."""
    kept = {row for row in read_list(BASELINE, 3) if row[:2] in ROWS}
    with ThreadPoolExecutor(options.jobs) as pool:
        for row, found in zip(rows, pool.map(lambda row: record_unit(*row, options.unit_timeout), rows)):
            kept = {other for other in kept if other[:2] != row} | found
            write_baseline(kept)


def run(options):
    results = Results("official")
    if not os.path.isdir(os.path.join(SOURCE, "tests")):
        results.fail("suite", f"no {SOURCE}: scripts/test fetches Debian's source package")
        return results
    rows = [r for r in ROWS if not options.only or any(word in " ".join(r) for word in options.only)]
    if options.record_baseline:
        record_baseline(rows, options)
    baseline = read_list(BASELINE, 3)
    if not baseline:
        results.fail("baseline", "baseline.txt is empty: record it with --record-baseline")
        return results
    listed = {row[:3]: row[3] for row in read_list(NOT_YET, 4)}
    for key in set(listed) - set(baseline):
        results.fail(" | ".join(key), "listed in not_yet_passed.txt but not in the baseline")
    still_failing = dict(listed)

    def run_row(row):
        """One unit and what there is to say of it: it may run beside others."""
        mode, name = row
        expected = [test for m, u, test in baseline if (m, u) == row]
        if not expected or (mode == "spawned" and options.port):
            return None
        skipped = [key[2] for key, reason in listed.items() if key[:2] == row and reason.startswith(NOT_RUN)]
        skipped = [] if options.retry else skipped
        if len(skipped) == len(expected):
            # Nothing of it could run: what stands outside of its tests would only wait for its time-out.
            print(f"official {mode} {name}: not run", flush=True)
            return None
        try:
            if mode == "spawned":
                return run_unit(mode, name, options.server, options.unit_timeout, skipped), expected, skipped, None
            with under_test(options, **ONE_WORKER, **settings_for(options, name)) as server:
                unit = run_unit(mode, name, server, options.unit_timeout, skipped)
                return unit, expected, skipped, None if server.alive() else server.log()
        except StartFailed as error:
            return error

    with ThreadPoolExecutor(options.jobs) as pool:
        for row, ran in zip(rows, pool.map(run_row, rows)):
            report(results, row, ran, listed, still_failing)
    if not options.only:
        for name, why in LEFT_OUT.items():
            print(f"official {name} is left out: {why}")
    if options.update:
        write_not_yet([(*key, reason) for key, reason in still_failing.items()])
    return results


def report(results, row, ran, listed, still_failing):
    """Says what came of one unit."""
    mode, name = row
    if ran is None:
        return
    if isinstance(ran, StartFailed):
        results.fail(f"{mode} {name}", f"the server did not start: {ran}")
        return
    unit, expected, skipped, log = ran
    judge(results, mode, unit, expected, listed, still_failing)
    if log is not None:
        results.fail(f"{mode} {name}", "the server ended during the unit:\n" + "\n".join(log.splitlines()[-15:]))
    waiting = sum(1 for key in still_failing if key[:2] == row)
    print(f"official {mode} {name}: {len(set(unit.passed) & set(expected))} of {len(expected)} pass, "
          f"{waiting} not yet ({len(skipped)} not run), {unit.seconds:.1f} s", flush=True)


def judge(results, mode, unit, expected, listed, still_failing):
    """Compares one unit's outcome with the baseline and with the list of what is not passed yet."""
    passed = set(unit.passed)
    if unit.crash:
        print(f"official {mode} {unit.name}: {unit.crash}")
    for test in expected:
        key, label = (mode, unit.name, test), f"{mode} {unit.name}: {test}"
        if test in passed and key in listed:
            results.fail(label, "it passes now: remove it from not_yet_passed.txt (--update does)")
            still_failing.pop(key, None)
        elif test in passed:
            results.ok(label)
        elif key not in listed:
            results.fail(label, unit.failed.get(test, "missing: the unit ended before it").strip())
