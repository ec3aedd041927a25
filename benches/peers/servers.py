"""The servers that are compared, each a process of its own, and the load generator's runs against them."""
import json
import os
import re
import shlex
import socket
import statistics
import subprocess
import time
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
REFERENCE, CEILING, OURS = "redis7", "null", "dunlin"

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
PEERS_BIN = None  # the folder with all binaries
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

    def cpu_by_thread(self):
        """CPU seconds of each thread, from the scheduler's own accounting."""
        seconds = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                seconds[task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
            except (OSError, IndexError):
                pass
        return seconds

    def cpu(self):
        """CPU seconds of all threads."""
        if total := sum(self.cpu_by_thread().values()):
            return total
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    def peak_rss(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024


def load(server, work, *, n=None, seconds=None, pipeline=1, size=64, keys=1_000_000, conns=50,
         threads=1, rate=None, sequential=False, cpus=None, seed=1, listeners=0, listen_by="", partner="", resp3=False):
    """One run of the load generator: its figures, with the server's CPU per million operations."""
    argv = [str(PEERS_BIN / "load"), "-p", str(server.port), "-c", str(conns), "-P", str(pipeline), "-w", work,
            "-d", str(size), "-r", str(keys), "-t", str(threads), "-s", str(seed)]
    argv += ["-n", str(n)] if n else ["-T", str(seconds)]
    argv += ["-R", str(rate)] * bool(rate) + ["-S"] * sequential + ["-m"] * server.mc
    argv += ["-L", str(listeners), "-l", listen_by] if listeners else []
    argv += (["-W", partner] if partner else []) + ["-3"] * resp3
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


def fill(server, work, n, size=64, conns=4):
    """Sends the command once for each key 0 … n-1."""
    return load(server, work, n=n, keys=n, size=size, pipeline=64, conns=conns, sequential=True)


def median_of(runs):
    """Field by field; None if the server can't do this work."""
    runs = [r for r in runs if r]
    return {k: statistics.median(r[k] for r in runs) for k in runs[0]} if runs else None
