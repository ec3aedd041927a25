"""Measures cache servers side by side on the same work; see README.md beside this file.

Every server in a run is started fresh on 127.0.0.1, driven by the same load
generator (load.c), in turn, several times; figures are medians.  The figure to
trust on a shared machine is the server's own CPU time per million operations.
What is measured stands in works.py, how servers are started in servers.py.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import servers as settings
from pauses import pauses
from report import report
from servers import CEILING, COMMANDS, MEMCACHE_PROTOCOL, OURS, SNAPSHOTS, Server, fill, load, median_of
from works import CONNECTIONS, DATASETS, FREE, QUICK, TYPES, WORKS, chosen

# ---------------------------------------------------------------- sections


def prepare(server, label, work):
    """Empties the server and gives it what the work finds; False if it can't have it."""
    if server.name == CEILING and (label in CONNECTIONS or work.fills and label in TYPES):
        return False  # it knows no replies of these types, and nobody waits or listens there
    server.flush()
    return all(fill(server, f.command, f.count, f.size, f.conns) for f in work.fills)


def throughput(names, tmp, opt, results, mode):
    """Closed loop, 50 clients.  pinned: server and load on a core each; free: two threads each, no pinning."""
    pinned = mode == "pinned"
    server_cpu, load_cpu = ({CPUS[0]}, {CPUS[-1]}) if pinned else (None, None)
    threads = 1 if pinned else 2
    works = chosen(opt.works, QUICK if opt.quick else WORKS if pinned else FREE)
    if opt.quick:
        works = {label: work.of_fewer_keys(200_000) for label, work in works.items()}
    servers = [Server(n, opt.port + i, f"{tmp}/{n}", threads, server_cpu) for i, n in enumerate(names)]
    try:
        for s in servers:
            s.__enter__().wait_ready()
        filled = ()
        for label, work in works.items():
            once = work.fills and not work.used_up
            if once and work.fills != filled:
                able = {s.name: prepare(s, label, work) for s in servers}
            filled = work.fills if once else ()
            for p in work.pipelines:
                if opt.quick and p == 64 and 16 in work.pipelines:
                    continue
                runs = {s.name: [] for s in servers}
                for rep in range(opt.reps):
                    for s in servers:
                        if rep and runs[s.name][0] is None:
                            continue
                        if not (able[s.name] if once else prepare(s, label, work)):
                            runs[s.name].append(None)
                            continue
                        runs[s.name].append(load(
                            s, work.command, n=work.ops(p, opt.scale), pipeline=p, size=work.size, keys=work.keys,
                            conns=work.conns, threads=threads, cpus=load_cpu, seed=rep * 100 + p, **work.others()))
                results[f"{label} P{p}"] = {n: median_of(r) for n, r in runs.items()}
                progress(f"{mode} {label} P{p}: " + "  ".join(
                    f"{n} {r['rps'] / 1e3:.3g}k/s {r['cpu_s_per_mop']:.3g}" if r else f"{n} -"
                    for n, r in results[f"{label} P{p}"].items()))
    finally:
        for s in servers:
            if hasattr(s, "process"):
                s.__exit__()


def memory(names, tmp, opt, results):
    """RSS growth per key in a fresh server, once settled, and at the peak of the fill."""
    for label, (command, size, keys, payload) in DATASETS.items():
        if (opt.quick and "5M" in label) or (opt.datasets and label not in opt.datasets):
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
            argv = [str(settings.PEERS_BIN / "load"), "-p", str(s.port), "-w", "set", "-d", "1024", "-r", str(keys),
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


def progress(text):
    """A line of news; and what is known so far is saved."""
    print(f"[{time.monotonic() - BEGAN:6.0f}s] {text}", file=sys.stderr, flush=True)
    Path(f"{OUT}.json").write_text(json.dumps(data, indent=1))
    Path(f"{OUT}.md").write_text(report(data))


def version(name):
    for flag in ("--version", "-V"):
        try:
            done = subprocess.run([settings.PEERS_BIN / COMMANDS[name][0], flag], capture_output=True, text=True, timeout=5)
            if line := (done.stdout + done.stderr).strip().splitlines():
                return line[0]
        except (OSError, subprocess.TimeoutExpired):
            pass
    return "?"


SECTIONS = {"pinned": lambda *a: throughput(*a, "pinned"), "free": lambda *a: throughput(*a, "free"),
            "memory": memory, "growth": growth, "pauses": lambda *a: pauses(*a, progress), "restart": restart, "aof": aof, "bgsave": bgsave}


def main():
    global BEGAN, CPUS, OUT, data
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--servers", help="comma-separated; default: every one whose binary is in PEERS_BIN")
    p.add_argument("--ours", help="Dunlin's command if not the binary in PEERS_BIN, with {port} and, if it takes them, {threads} {dir} {aof} {fsync}")
    p.add_argument("--sections", default="pinned,free", help=f"comma-separated, of {', '.join(SECTIONS)}, or all")
    p.add_argument("--works", help="comma-separated names of works, or strings, types, connections, all; for the sections pinned and free")
    p.add_argument("--datasets", help="comma-separated names of datasets, for the section memory")
    p.add_argument("--reps", type=int, default=3)
    p.add_argument("--scale", type=float, default=1.0, help="factor on the operations of a run")
    p.add_argument("--perf", action="store_true", help="also count instructions and cycles of the server, with 'perf stat'")
    p.add_argument("--quick", action="store_true", help="shorter, with fewer keys; and of works, if none are named, only three")
    p.add_argument("--port", type=int, default=7600, help="first of the ports used")
    p.add_argument("--out", default="peers-results", help="OUT.json and OUT.md are written")
    opt = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that the servers are stopped too
    if not os.environ.get("PEERS_BIN"):
        sys.exit("set PEERS_BIN to the directory that holds the servers' binaries and 'load' (see README.md)")
    BEGAN, CPUS = time.monotonic(), sorted(os.sched_getaffinity(0))
    settings.PEERS_BIN = Path(os.environ["PEERS_BIN"]).resolve()
    if not (settings.PEERS_BIN / "load").exists():
        sys.exit("PEERS_BIN has no 'load': cc -O2 -pthread -o \"$PEERS_BIN/load\" load.c")
    opt.datasets = opt.datasets and opt.datasets.split(",")
    if opt.quick:
        opt.scale, opt.reps = min(opt.scale, 0.3), min(opt.reps, 2)
    OUT, settings.ours_command, settings.counters = opt.out, opt.ours, opt.perf
    here = [n for n, c in COMMANDS.items() if (settings.PEERS_BIN / c[0]).exists() or (n == OURS and opt.ours)]
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
