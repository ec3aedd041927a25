"""Starts, awaits and ends the servers under test.

Every server gets a free port and a directory of its own, is waited for by PING, and is killed when its
context ends or this process exits. A server that is already running is an `External`, never stopped.
"""
import atexit
import ctypes
import functools
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .resp import Connection

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")
STATE = os.path.join(TARGET, "compat")
REFERENCE = "redis-server"
REFERENCE_VERSION = "7.0.15"
OURS = os.path.join(TARGET, "release", "dunlin")
_running = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kill_all():
    for server in list(_running):
        server.stop()


atexit.register(kill_all)
for _signal in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_signal, lambda number, _frame: os._exit(128 + number) if kill_all() is None else None)


def die_with_parent():
    """Runs in the child: the kernel kills it when this process ends, however that happens."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class StartFailed(Exception):
    pass


@functools.cache
def is_redis(command):
    """Whether a command line starts the reference server rather than Dunlin."""
    argv = shlex.split(command)
    try:
        text = subprocess.run(argv + ["--version"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartFailed(f"{command}: {error}") from error
    return text.startswith("Redis server")


class Server:
    """A server process. `options` are further directives: name -> value, or a list of values."""

    def __init__(self, command, options=None, name=None):
        self.command, self.name = command, name or os.path.basename(shlex.split(command)[0])
        self.options = dict(options or {})
        self.host, self.port, self.path = "127.0.0.1", None, None
        self.process = None

    def argv(self):
        directives = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.dir,
            "save": "",
            "daemonize": "no",
            "enable-debug-command": "yes",
            "enable-protected-configs": "yes",
            "unixsocket": self.path,
        }
        if not is_redis(self.command):
            directives["metrics-bind"] = ""
        directives.update(self.options)
        argv = shlex.split(self.command)
        for name, value in directives.items():
            if value is None:
                continue
            argv.append("--" + name)
            argv += [str(v) for v in value] if isinstance(value, list) else [str(value)]
        return argv

    def start(self, timeout=60.0, attempts=3):
        """Free ports can be lost to another process between choice and use, so the start is tried again."""
        for attempt in range(attempts):
            self.port = free_port()
            self.dir = tempfile.mkdtemp(prefix="dunlin-compat-")
            self.path = os.path.join(self.dir, "socket")
            self.log_path = os.path.join(self.dir, "server.log")
            with open(self.log_path, "wb") as log:
                self.process = subprocess.Popen(
                    self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                    preexec_fn=die_with_parent,
                )
            _running.append(self)
            if self._answers(timeout):
                return self
            log = self.log()
            self.stop()
            if attempt + 1 == attempts or "in use" not in log:
                raise StartFailed(f"{shlex.join(self.argv())}\n{log}")

    def _answers(self, timeout):
        until = time.monotonic() + timeout
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with self.connect(timeout=2) as connection:
                    if connection.ask("PING").raw:
                        return True
            except OSError:
                pass
            except Exception:
                return False
            time.sleep(0.01)
        return False

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def connect(self, timeout=10.0):
        return Connection(self.host, self.port, timeout=timeout)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self in _running:
            _running.remove(self)
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class External:
    """A server that somebody else runs. Its options can't be changed, so suites that need some say so."""

    def __init__(self, host, port):
        self.host, self.port, self.path, self.name = host, port, None, f"{host}:{port}"

    def start(self):
        self.connect().ask("PING")
        return self

    def connect(self, timeout=10.0):
        return Connection(self.host, self.port, timeout=timeout)

    def alive(self):
        return True

    def log(self):
        return ""

    def stop(self):
        pass

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        pass


def under_test(options, **directives):
    """The server that the command line asks for."""
    if options.port:
        return External(options.host, options.port)
    return Server(options.server, directives)


def reference(**directives):
    """The reference server, which must be the very version that the suites were written against."""
    try:
        text = subprocess.run([REFERENCE, "--version"], capture_output=True, text=True, timeout=20).stdout
    except OSError as error:
        raise StartFailed(f"{REFERENCE}: {error} (scripts/test installs it)") from error
    if f"v={REFERENCE_VERSION} " not in text:
        raise StartFailed(f"{REFERENCE} is not {REFERENCE_VERSION}: {text.strip()}")
    return Server(REFERENCE, directives, name="redis")
