"""Measures cache servers side by side on the same work; see README.md beside this file.

Every server in a run is started fresh on 127.0.0.1, driven by the same load
generator (load.c), in turn, several times; figures are medians.  The figure to
trust on a shared machine is the server's own CPU time per million operations.
"""
import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
REFERENCE, CEILING, OURS = "redis7", "null", "dunlin"

# ---------------------------------------------------------------- servers

REDIS = "--port {port} --bind 127.0.0.1 --dir {dir} --appendonly {aof} --appendfsync {fsync} " \
        "--auto-aof-rewrite-percentage 0 --daemonize no --save ''"
# name: (binary, arguments with one thread, further arguments with more)
COMMANDS = {
    "redis7": ("redis-server-7.0", REDIS, "--io-threads {threads} --io-threads-do-reads yes"),
    "redis8": ("redis-server-8", REDIS, "--io-threads {threads}"),
    "valkey": ("valkey-server", REDIS, "--io-threads {threads}"),
    "keydb": ("keydb-server", REDIS + " --server-threads {threads}", ""),
    "dragonfly": ("dragonfly", "--port {port} --bind 127.0.0.1 --dir {dir} --proactor_threads {threads}", ""),
    "pogocache": ("pogocache", "-p {port} -h 127.0.0.1 --threads {threads}", ""),
    "memcached": ("memcached", "-p {port} -l 127.0.0.1 -U 0 -u root -m 16384 -c 1024 -t {threads}", ""),
    CEILING: ("null-server", "{port} {threads}", ""),
    OURS: ("dunlin", "--io-threads {threads} --port {port} --bind 127.0.0.1 --dir {dir} --appendonly {aof} "
           "--appendfsync {fsync} --metrics-bind ''", ""),
}
MEMCACHE_PROTOCOL = {"memcached"}
SNAPSHOTS = {"redis7", "redis8", "valkey", "keydb", OURS}
ours_command = None  # from --ours: another command in the place of the binary `dunlin`
counters = False  # from --perf


class Server:
    """One running server; use it as a context manager."""

    def __init__(self, name, port, directory, threads=1, cpus=None, aof="no", fsync="everysec"):
        self.name, self.port, self.cpus = name, port, cpus
        self.mc = name in MEMCACHE_PROTOCOL
        self.dir = directory
        if name == OURS and ours_command:
            text = ours_command
        else:
            binary, text, more = COMMANDS[name]
            text = f"{PEERS_BIN / binary} {text} {more if threads > 1 else ''}"
        self.argv = shlex.split(text.format(port=port, dir=directory, threads=threads, aof=aof, fsync=fsync))

    def __enter__(self):
        pin = (lambda: os.sched_setaffinity(0, self.cpus)) if self.cpus else None
        os.makedirs(self.dir, exist_ok=True)
        self.started = time.monotonic()
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, cwd=self.dir, preexec_fn=pin)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=120)

    def ask(self, *words):
        """One command, its whole reply as text (bulk or line)."""
        with self.connect() as s:
            if self.mc:
                s.sendall(" ".join(words).encode() + b"\r\n")
                return s.recv(65536).decode()
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            f = s.makefile("rb")
            line = f.readline().decode().strip()
            if line.startswith("$") and line != "$-1":
                return f.read(int(line[1:]) + 2)[:-2].decode(errors="replace")
            return line

    def wait_ready(self, *probe, timeout=300, ready=lambda r: not r.startswith("-")):
        """Seconds from process start until the probe is answered."""
        probe = probe or (("version",) if self.mc else ("PING",))
        while time.monotonic() - self.started < timeout:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} exited: {shlex.join(self.argv)}; see {self.dir}/log")
            try:
                reply = self.ask(*probe)
                if reply and ready(reply):
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.01)
        raise RuntimeError(f"{self.name} not ready in {timeout} s")

    def flush(self):
        if self.mc:
            self.ask("flush_all")
        elif self.name in SNAPSHOTS:
            self.ask("FLUSHALL", "SYNC")  # or a thread would still be freeing during the run
        elif self.name != CEILING:
            self.ask("FLUSHALL")

    def info(self, field):
        if self.mc or self.name == CEILING:
            return None
        m = re.search(rf"^{field}:(\S+)", self.ask("INFO") + "\n" + self.ask("INFO", "everything"), re.M)
        return m and m.group(1).strip()

    def cpu(self):
        """CPU seconds of all threads, from the scheduler's own accounting."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (OSError, IndexError):
                pass
        if total:
            return total / 1e9
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    def peak_rss(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024


def load(server, work, *, n=None, seconds=None, pipeline=1, size=64, keys=1_000_000, conns=50,
         threads=1, rate=None, sequential=False, cpus=None, seed=1):
    """One run of the load generator: its figures, with the server's CPU per million operations."""
    argv = [str(PEERS_BIN / "load"), "-p", str(server.port), "-c", str(conns), "-P", str(pipeline), "-w", work,
            "-d", str(size), "-r", str(keys), "-t", str(threads), "-s", str(seed)]
    argv += ["-n", str(n)] if n else ["-T", str(seconds)]
    argv += ["-R", str(rate)] * bool(rate) + ["-S"] * sequential + ["-m"] * server.mc
    pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    if counters:
        argv = ["perf", "stat", "-x,", "-o", f"{server.dir}/perf", "-e", "instructions,cycles",
                "-p", str(server.process.pid), "--"] + argv
    before = server.cpu()
    done = subprocess.run(argv, capture_output=True, text=True, preexec_fn=pin)
    if done.returncode:  # the server lacks the command, or went away
        return None
    result = json.loads(done.stdout)
    result["cpu_s_per_mop"] = (server.cpu() - before) / result["ops"] * 1e6
    if counters:
        for count, event in re.findall(r"^(\d+),,(\w+)", Path(f"{server.dir}/perf").read_text(), re.M):
            result[f"{event}_per_op"] = int(count) / result["ops"]
    return result


def fill(server, work, n, size=64, cpus=None):
    """Sends the command once for each key 0 … n-1."""
    return load(server, work, n=n, keys=n, size=size, pipeline=64, conns=4, sequential=True, cpus=cpus)


def median_of(runs):
    """Field by field; None if the server can't do this work."""
    runs = [r for r in runs if r]
    return {k: statistics.median(r[k] for r in runs) for k in runs[0]} if runs else None


# ---------------------------------------------------------------- sections

# name: (workload of load.c, value size, keys, workload that fills the keys first, rough cost of an op in GETs)
# Without a fill the server is emptied before each run, so that the work is mostly inserts.
WORK = {
    "GET 64B": ("get", 64, 1_000_000, "set", 1),
    "SET 64B": ("set", 64, 1_000_000, "set", 1),
    "1:10 64B": ("mixed", 64, 1_000_000, "set", 1),
    "MSET10 64B": ("mset", 64, 1_000_000, "set", 8),
    "GET 1K": ("get", 1024, 1_000_000, "set", 1),
    "SET 1K": ("set", 1024, 1_000_000, "set", 1),
    "1:10 1K": ("mixed", 1024, 1_000_000, "set", 1),
    "INCR": ("incr", 8, 1_000_000, "incr", 1),
    "LPUSH": ("lpush", 64, 10_000, None, 1),
    "HSET": ("hset", 64, 1_000_000, None, 1.5),
    "SADD": ("sadd", 8, 1_000_000, None, 1),
    "ZADD": ("zadd", 8, 1_000_000, None, 2),
}
FREE_WORK = ("GET 64B", "SET 64B", "1:10 64B", "MSET10 64B", "HSET", "ZADD")
OPS = {1: 60_000, 16: 400_000, 64: 800_000}


def throughput(names, tmp, opt, results, mode):
    """Closed loop, 50 clients.  pinned: server and load on a core each; free: two threads each, no pinning."""
    pinned = mode == "pinned"
    server_cpu, load_cpu = ({CPUS[0]}, {CPUS[-1]}) if pinned else (None, None)
    threads = 1 if pinned else 2
    works = WORK if pinned else {k: WORK[k] for k in FREE_WORK}
    if opt.quick:
        works = {k: works[k] for k in ("GET 64B", "SET 64B", "ZADD") if k in works}
        works = {k: (w, size, keys // 5, *rest) for k, (w, size, keys, *rest) in works.items()}
    if opt.works:
        works = {k: v for k, v in WORK.items() if k in opt.works}
    pipelines = [1, 16] if opt.quick else [1, 16, 64]
    servers = [Server(n, opt.port + i, f"{tmp}/{n}", threads, server_cpu) for i, n in enumerate(names)]
    try:
        for s in servers:
            s.__enter__().wait_ready()
        filled = None
        for label, (work, size, keys, filling, cost) in works.items():
            for s in servers:
                if filling and filled != (filling, size):
                    s.flush()
                    fill(s, filling, keys, size)
            filled = filling and (filling, size)
            for p in pipelines:
                runs = {s.name: [] for s in servers}
                for rep in range(opt.reps):
                    for s in servers:
                        if rep and runs[s.name][0] is None:
                            continue
                        if not filling:
                            s.flush()
                        runs[s.name].append(load(
                            s, work, n=int(OPS[p] / cost * opt.scale), pipeline=p, size=size, keys=keys,
                            threads=threads, cpus=load_cpu, seed=rep * 100 + p))
                results[f"{label} P{p}"] = {n: median_of(r) for n, r in runs.items()}
                progress(f"{mode} {label} P{p}: " + "  ".join(
                    f"{n} {r['rps'] / 1e3:.0f}k/s {r['cpu_s_per_mop']:.2f}" if r else f"{n} -"
                    for n, r in results[f"{label} P{p}"].items()))
    finally:
        for s in servers:
            if hasattr(s, "process"):
                s.__exit__()


# name: (command, value size, keys, payload bytes a key: the physical minimum)
DATASETS = {
    "1M strings 16+32 B": ("SET key:# @", 32, 1_000_000, 48),
    "5M strings 16+32 B": ("SET key:# @", 32, 5_000_000, 48),
    "1M ints as strings": ("SET key:# %", 8, 1_000_000, 24),
    "1M hashes of 5": ("HSET hsh:# f1 @ f2 @ f3 @ f4 @ f5 @", 8, 1_000_000, 66),
    "zset of 1M": ("ZADD zset # mem:#", 8, 1_000_000, 24),
    "set of 1M ints": ("SADD ints %", 8, 1_000_000, 8),
}


def memory(names, tmp, opt, results):
    """RSS growth per key in a fresh server, once settled, and at the peak of the fill."""
    for label, (command, size, keys, payload) in DATASETS.items():
        if opt.quick and "5M" in label:
            continue
        row = results[label] = {"payload": {"rss_per_key": payload}}
        for name in names:
            if name == CEILING:
                continue
            if name in MEMCACHE_PROTOCOL:
                if not command.startswith("SET"):
                    continue
                command_here = "set"
            else:
                command_here = command
            with Server(name, opt.port, f"{tmp}/{name}-mem") as s:
                s.wait_ready()
                if fill(s, command_here, 100, size) is None:
                    continue
                before, used = s.rss(), s.info("used_memory")
                fill(s, command_here, keys, size)
                time.sleep(1)
                after = s.info("used_memory")
                row[name] = {"rss_per_key": (s.rss() - before) / keys,
                             "peak_rss_per_key": (s.peak_rss() - before) / keys,
                             "used_memory_per_key": after and used and (int(after) - int(used)) / keys}
        progress(f"memory {label}: " + "  ".join(f"{n} {r['rss_per_key']:.1f}" for n, r in row.items()))


def restart(names, tmp, opt, results):
    """Seconds from process start until a GET of a stored key is answered."""
    sets = {"5M x 48 B": (5_000_000, 32), "1M x 1 KiB": (1_000_000, 1024)}
    if opt.quick:
        sets = {"500k x 48 B": (500_000, 32)}
    for label, (keys, size) in sets.items():
        for kind in ("RDB", "AOF"):
            row = results[f"{label} {kind}"] = {}
            for name in names:
                if name not in SNAPSHOTS:
                    continue
                d, aof = f"{tmp}/{name}-restart", "yes" if kind == "AOF" else "no"
                shutil.rmtree(d, ignore_errors=True)
                with Server(name, opt.port, d, aof=aof) as s:
                    s.wait_ready()
                    filled = fill(s, "set", keys, size)
                    began = time.monotonic()
                    if kind == "RDB" and s.ask("SAVE") != "+OK":
                        s.stop()  # a server that keeps no snapshots is left out of this row
                        continue
                    saved = time.monotonic() - began
                    s.stop()
                files = [p for p in Path(d).rglob("*") if p.is_file() and p.name != "log"]
                disk = sum(p.stat().st_size for p in files)
                with Server(name, opt.port, d, aof=aof) as s:
                    ready = s.wait_ready("GET", "key:%012d" % (keys - 1), ready=lambda r: r.startswith("x"), timeout=120)
                    cpu = s.cpu()
                row[name] = {"ready_s": ready, "cpu_s": cpu, "save_s": saved, "disk_bytes": disk,
                             "fill_rps": filled["rps"]}
                shutil.rmtree(d, ignore_errors=True)
            progress(f"restart {label} {kind}: " + "  ".join(f"{n} {r['ready_s']:.2f}s" for n, r in row.items()))


def fsync_floor(tmp, seconds=2):
    """The disk's own limit: appends of 100 bytes, each synced, a second."""
    with open(f"{tmp}/probe", "wb", buffering=0) as f:
        times, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            t = time.monotonic()
            f.write(b"x" * 100)
            os.fdatasync(f.fileno())
            times.append(time.monotonic() - t)
    times.sort()
    return {"fdatasync_per_s": len(times) / seconds, "p50_us": times[len(times) // 2] * 1e6,
            "p99_us": times[len(times) * 99 // 100] * 1e6}


def aof(names, tmp, opt, results):
    """SET of 64 B by 50 clients while every write is logged."""
    results["disk"] = fsync_floor(tmp)
    progress(f"fsync floor: {results['disk']}")
    for p in (1, 16):
        for fsync in ("no AOF", "everysec", "always"):
            row = {}
            for rep in range(opt.reps):
                for name in names:
                    if name not in SNAPSHOTS:
                        continue
                    d = f"{tmp}/{name}-aof"
                    shutil.rmtree(d, ignore_errors=True)
                    on = fsync != "no AOF"
                    with Server(name, opt.port, d, cpus={CPUS[0]}, aof="yes" if on else "no",
                                fsync=fsync if on else "no") as s:
                        s.wait_ready()
                        row.setdefault(name, []).append(
                            load(s, "set", seconds=1 if opt.quick else 2, pipeline=p, cpus={CPUS[-1]}, seed=rep))
                    shutil.rmtree(d, ignore_errors=True)
            results[f"SET {fsync} P{p}"] = row = {n: median_of(r) for n, r in row.items()}
            progress(f"aof {fsync} P{p}: " + "  ".join(
                f"{n} {r['rps'] / 1e3:.1f}k/s p99 {r['p99_us'] / 1e3:.1f}ms cpu {r['cpu_s_per_mop']:.2f}"
                for n, r in row.items()))


def bgsave(names, tmp, opt, results):
    """Latency of a fixed rate of SETs, undisturbed and while a snapshot is taken; open loop, not pinned."""
    keys = 100_000 if opt.quick else 1_000_000
    rate = 10_000
    for name in names:
        if name not in SNAPSHOTS:
            continue
        d = f"{tmp}/{name}-bgsave"
        with Server(name, opt.port, d) as s:
            s.wait_ready()
            fill(s, "set", keys, 1024)
            calm = load(s, "set", seconds=5, rate=rate, size=1024, keys=keys)
            rss = peak = s.rss()
            argv = [str(PEERS_BIN / "load"), "-p", str(s.port), "-w", "set", "-d", "1024", "-r", str(keys),
                    "-R", str(rate), "-T", "15" if not opt.quick else "5"]
            loader = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            began = time.monotonic()
            if s.ask("BGSAVE").startswith("-"):  # a server that keeps no snapshots is left out
                loader.kill()
                loader.wait()
                continue
            took = None
            while loader.poll() is None:
                peak = max(peak, s.rss())
                if took is None and s.info("rdb_bgsave_in_progress") == "0":
                    took = time.monotonic() - began
                time.sleep(0.1)
            busy = json.loads(loader.stdout.read())
            cow = int(s.info("rdb_last_cow_size") or 0)
            results[name] = {"calm": calm, "bgsave": busy, "bgsave_s": took, "rss_mb": rss / 1e6,
                             "peak_rss_mb": peak / 1e6, "cow_mb": cow / 1e6,
                             "fork_ms": int(s.info("latest_fork_usec") or 0) / 1e3}
        shutil.rmtree(d, ignore_errors=True)
        r = results[name]
        progress(f"bgsave {name}: p99 {calm['p99_us'] / 1e3:.2f} -> {busy['p99_us'] / 1e3:.2f} ms, p99.9 "
                 f"{calm['p999_us'] / 1e3:.2f} -> {busy['p999_us'] / 1e3:.2f} ms, max {calm['max_us'] / 1e3:.1f} -> "
                 f"{busy['max_us'] / 1e3:.1f} ms, took {took} s, fork {r['fork_ms']} ms, cow {r['cow_mb']:.0f} MB")


def growth(names, tmp, opt, results):
    """Latency while new keys arrive without end: one client that waits for each reply, and eight with short pipelines.
    The machine's own stalls are in all rows: null is the yardstick, and the least maximum of the repetitions."""
    keys = 500_000 if opt.quick else 5_000_000
    for label, conns, pipeline in (("1 client P1", 1, 1), ("8 clients P16", 8, 16)):
        runs = {}
        for _ in range(opt.reps):
            for name in names:
                with Server(name, opt.port, f"{tmp}/{name}-growth", cpus={CPUS[0]}) as s:
                    s.wait_ready()
                    runs.setdefault(name, []).append(load(
                        s, "set", n=int(keys * opt.scale), keys=keys, size=32, pipeline=pipeline, conns=conns,
                        sequential=True, cpus={CPUS[-1]}))
        row = {n: median_of(r) for n, r in runs.items()}
        for n in row:
            row[n]["least_max_us"] = min(r["max_us"] for r in runs[n])
        results[f"SET of new keys, {label}"] = row
        progress(f"growth {label}: " + "  ".join(
            f"{n} p99.9 {r['p999_us'] / 1e3:.2f} max {r['max_us'] / 1e3:.2f} least max {r['least_max_us'] / 1e3:.2f} ms"
            for n, r in row.items()))


# ---------------------------------------------------------------- report

def table(title, head, rows):
    lines = [f"\n### {title}\n", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


def ratio_table(title, results, names, value, higher_is_better=False):
    """Each server's value with its ratio to redis7, then the best peer and ours against it and the ceiling."""
    better = max if higher_is_better else min
    head = ["work"] + [f"{n} (×)" for n in names] + ["best peer"] + (["ours/best"] if OURS in names else []) \
        + (["best/ceiling"] if CEILING in names else [])
    rows = []
    for label, row in results.items():
        v = {n: value(row[n]) for n in names if row.get(n)}
        ref = v.get(REFERENCE)
        cells = [f"{v[n]:.3g}" + (f" ({v[n] / ref:.2f})" if ref else "") if n in v else "–" for n in names]
        peers = {n: x for n, x in v.items() if n not in (CEILING, OURS, "payload")}
        best = better(peers, key=peers.get) if peers else None
        cells.append(best or "–")
        if OURS in names:
            cells.append(f"{v[OURS] / v[best]:.2f}" if OURS in v and best else "–")
        if CEILING in names:
            cells.append(f"{v[best] / v[CEILING]:.2f}" if CEILING in v and best else "–")
        rows.append([label] + cells)
    return table(title, head, rows)


def report(data):
    names, out = data["servers"], []
    for mode in ("pinned", "free"):
        if r := data["sections"].get(mode):
            out.append(ratio_table(f"{mode}: server CPU seconds per million ops (× redis7)", r, names,
                                   lambda x: x["cpu_s_per_mop"]))
            for event in ("instructions", "cycles"):
                if any(x and f"{event}_per_op" in x for row in r.values() for x in row.values()):
                    out.append(ratio_table(f"{mode}: server {event} per op (× redis7)", r, names,
                                           lambda x: x[f"{event}_per_op"]))
            out.append(ratio_table(f"{mode}: thousand ops/s (× redis7)", r, names, lambda x: x["rps"] / 1e3, True))
            out.append(table(f"{mode}: latency p50 / p99 / p99.9, ms", ["work"] + names, [
                [label] + [" / ".join(f"{row[n][q] / 1e3:.2f}" for q in ("p50_us", "p99_us", "p999_us"))
                           if row.get(n) else "–" for n in names] for label, row in r.items()]))
    if r := data["sections"].get("memory"):
        who = ["payload"] + [n for n in names if n != CEILING]
        out.append(ratio_table("memory: RSS bytes per key (× redis7)", r, who, lambda x: x["rss_per_key"]))
        out.append(table("memory: bytes per key at the peak of the fill / used_memory", ["data"] + who[1:], [
            [label] + [f"{row[n]['peak_rss_per_key']:.0f} / " + (f"{u:.0f}" if (u := row[n]["used_memory_per_key"]) else "–")
                       if n in row else "–" for n in who[1:]] for label, row in r.items()]))
    if r := data["sections"].get("restart"):
        who = [n for n in names if n in SNAPSHOTS]
        out.append(table("restart: seconds to the first answer (CPU s; SAVE s; file MB)", ["data"] + who, [
            [label] + [f"{x['ready_s']:.2f} ({x['cpu_s']:.2f}; {x['save_s']:.2f}; {x['disk_bytes'] / 1e6:.0f})"
                       if (x := row.get(n)) else "–" for n in who] for label, row in r.items()]))
    if r := data["sections"].get("aof"):
        who = [n for n in names if n in SNAPSHOTS]
        out.append(f"\nDisk: {r['disk']['fdatasync_per_s']:.0f} synced appends a second, "
                   f"p50 {r['disk']['p50_us']:.0f} µs, p99 {r['disk']['p99_us']:.0f} µs\n")
        out.append(table("AOF: thousand SET/s; CPU s per million; p99 ms", ["policy"] + who, [
            [label] + [f"{x['rps'] / 1e3:.1f}; {x['cpu_s_per_mop']:.2f}; {x['p99_us'] / 1e3:.2f}"
                       if (x := row.get(n)) else "–" for n in who]
            for label, row in r.items() if label != "disk"]))
    if r := data["sections"].get("growth"):
        out.append(table("growth: latency p50 / p99 / p99.9 / max / least max of all runs, ms; CPU s per million",
                         ["work"] + names, [[label] + [
                             " / ".join(f"{row[n][q] / 1e3:.2f}" for q in ("p50_us", "p99_us", "p999_us", "max_us", "least_max_us"))
                             + f"; {row[n]['cpu_s_per_mop']:.2f}" if row.get(n) else "–" for n in names]
                             for label, row in r.items()]))
    if r := data["sections"].get("bgsave"):
        lat = lambda x: " / ".join(f"{x[q] / 1e3:.2f}" for q in ("p50_us", "p99_us", "p999_us", "max_us"))
        out.append(table("snapshot under 10k SET/s of 1 KiB: latency p50 / p99 / p99.9 / max, ms",
                         ["server", "calm", "during BGSAVE", "snapshot s", "fork ms", "RSS MB", "peak RSS MB", "copied MB"],
                         [[n, lat(x["calm"]), lat(x["bgsave"]), f"{x['bgsave_s'] or 0:.1f}", f"{x['fork_ms']:.1f}",
                           f"{x['rss_mb']:.0f}", f"{x['peak_rss_mb']:.0f}", f"{x['cow_mb']:.0f}"] for n, x in r.items()]))
    return "\n".join(out)


def progress(text):
    """A line of news; and what is known so far is saved."""
    print(f"[{time.monotonic() - BEGAN:6.0f}s] {text}", file=sys.stderr, flush=True)
    Path(f"{OUT}.json").write_text(json.dumps(data, indent=1))
    Path(f"{OUT}.md").write_text(report(data))


def version(name):
    for flag in ("--version", "-V"):
        try:
            done = subprocess.run([PEERS_BIN / COMMANDS[name][0], flag], capture_output=True, text=True, timeout=5)
            if line := (done.stdout + done.stderr).strip().splitlines():
                return line[0]
        except (OSError, subprocess.TimeoutExpired):
            pass
    return "?"


SECTIONS = {"pinned": lambda *a: throughput(*a, "pinned"), "free": lambda *a: throughput(*a, "free"),
            "memory": memory, "growth": growth, "restart": restart, "aof": aof, "bgsave": bgsave}


def main():
    global PEERS_BIN, BEGAN, CPUS, OUT, data, ours_command, counters
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--servers", help="comma-separated; default: every one whose binary is in PEERS_BIN")
    p.add_argument("--ours", help="Dunlin's command if not the binary in PEERS_BIN, with {port} and, if it takes them, {threads} {dir} {aof} {fsync}")
    p.add_argument("--sections", default="pinned,free", help=f"comma-separated, of {', '.join(SECTIONS)}, or all")
    p.add_argument("--works", help="comma-separated names of workloads, for the sections pinned and free")
    p.add_argument("--reps", type=int, default=3)
    p.add_argument("--scale", type=float, default=1.0, help="factor on the operations of a run")
    p.add_argument("--perf", action="store_true", help="also count instructions and cycles of the server, with 'perf stat'")
    p.add_argument("--quick", action="store_true", help="under two minutes: fewer workloads, shorter")
    p.add_argument("--port", type=int, default=7600, help="first of the ports used")
    p.add_argument("--out", default="peers-results", help="OUT.json and OUT.md are written")
    opt = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that the servers are stopped too
    if not os.environ.get("PEERS_BIN"):
        sys.exit("set PEERS_BIN to the directory that holds the servers' binaries and 'load' (see README.md)")
    PEERS_BIN, BEGAN, CPUS = Path(os.environ["PEERS_BIN"]).resolve(), time.monotonic(), sorted(os.sched_getaffinity(0))
    if not (PEERS_BIN / "load").exists():
        sys.exit("PEERS_BIN has no 'load': cc -O2 -pthread -o \"$PEERS_BIN/load\" load.c")
    if opt.quick:
        opt.scale, opt.reps = min(opt.scale, 0.3), min(opt.reps, 2)
    opt.works = opt.works and opt.works.split(",")
    OUT, ours_command, counters = opt.out, opt.ours, opt.perf
    here = [n for n, c in COMMANDS.items() if (PEERS_BIN / c[0]).exists() or (n == OURS and opt.ours)]
    names = opt.servers.split(",") if opt.servers else here
    if missing := [n for n in names if n not in here]:
        sys.exit(f"not in PEERS_BIN: {', '.join(missing)}")
    if opt.ours:
        if "{aof}" not in opt.ours or "{dir}" not in opt.ours:
            SNAPSHOTS.discard(OURS)
    data = {"date": time.strftime("%Y-%m-%d %H:%M:%S"), "servers": names, "cpus": len(CPUS), "argv": sys.argv[1:],
            "versions": {n: version(n) for n in names if n in COMMANDS and n != CEILING}, "sections": {}}
    sections = list(SECTIONS) if opt.sections == "all" else opt.sections.split(",")
    for section in sections:
        with tempfile.TemporaryDirectory(prefix="bench-") as tmp:
            SECTIONS[section](names, tmp, opt, data["sections"].setdefault(section, {}))
    print(report(data))


if __name__ == "__main__":
    main()
