"""A raw RESP client: what goes out and what comes in is bytes, nothing is interpreted on the way.

A reply is kept twice: as the exact bytes that the server sent (what the differential suite compares)
and as a tree of `Reply` (what tolerance rules look into). Knows nothing of servers or suites.
"""
import socket
from dataclasses import dataclass, field

AGGREGATES = b"*%~>|"
LINES = b"+-:,#_("
BULKS = b"$=!"


class Closed(Exception):
    """The server closed the connection (what it had sent of an unfinished reply is in args[0])."""


class Garbled(Exception):
    """What came is not RESP."""


@dataclass
class Reply:
    """One reply: `kind` is its first byte, `value` its text, bytes, None or list of replies, `raw` its exact bytes."""

    kind: bytes
    value: object
    raw: bytes
    attributes: list = field(default_factory=list)

    @property
    def is_error(self):
        return self.kind in b"-!"

    @property
    def is_null(self):
        return self.value is None

    @property
    def text(self):
        """The bytes of a line or bulk; of an aggregate, its raw form."""
        return self.value if isinstance(self.value, bytes) else self.raw

    @property
    def items(self):
        return self.value if isinstance(self.value, list) else []

    def pairs(self):
        """A RESP3 map, or a flat RESP2 list, as [(key text, value reply)]."""
        items = self.items
        return [(items[i].text, items[i + 1]) for i in range(0, len(items) - 1, 2)]


def encode(*words):
    """One request as an array of bulk strings. Text is sent as UTF-8."""
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Connection:
    """A blocking connection. Pushes (RESP3 `>`) are collected in `pushes`, not mixed into replies."""

    def __init__(self, host="127.0.0.1", port=None, path=None, timeout=10.0, tls=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection((host, port), timeout=timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = bytearray()
        self.at = 0
        self.pushes = []

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, *words):
        self.send(encode(*words))
        return self.reply()

    def ask_ok(self, *words):
        """For set-up steps that must work: raises on an error reply."""
        reply = self.ask(*words)
        if reply.is_error:
            raise RuntimeError(f"{words!r}: {reply.text!r}")
        return reply

    def reply(self):
        """The next reply that is not a push."""
        while True:
            start = self.at
            reply = self._parse()
            if self.at > 1 << 16:
                del self.buffer[: self.at]
                self.at = 0
            if reply.kind != b">":
                return reply
            self.pushes.append(reply)
            del start

    def read_until_closed(self, limit=1 << 20):
        """Every byte up to the server's close (or the time-out, which raises)."""
        seen = bytes(self.buffer[self.at :])
        self.buffer.clear()
        self.at = 0
        while len(seen) < limit:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                break
            if not data:
                break
            seen += data
        return seen

    def is_closed_by_peer(self, timeout=5.0):
        """Waits up to `timeout` seconds for the server to close; anything it sends meanwhile is dropped."""
        before = self.socket.gettimeout()
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(before)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _fill(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(bytes(self.buffer[self.at :]))
        self.buffer += data

    def _line(self):
        while True:
            end = self.buffer.find(b"\r\n", self.at)
            if end >= 0:
                line = bytes(self.buffer[self.at : end])
                self.at = end + 2
                return line
            self._fill()

    def _exactly(self, count):
        while len(self.buffer) - self.at < count:
            self._fill()
        data = bytes(self.buffer[self.at : self.at + count])
        self.at += count
        return data

    def _parse(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        raw = line + b"\r\n"
        if not kind:
            raise Garbled(line)
        if kind in LINES:
            return Reply(kind, None if kind == b"_" else rest, raw)
        if kind in BULKS:
            if rest == b"-1":
                return Reply(kind, None, raw)
            body = self._exactly(int(rest) + 2)
            if body[-2:] != b"\r\n":
                raise Garbled(line + body)
            return Reply(kind, body[:-2], raw + body)
        if kind not in AGGREGATES:
            raise Garbled(line)
        if rest == b"-1":
            return Reply(kind, None, raw)
        count = int(rest) * (2 if kind in b"%|" else 1)
        items = [self._parse() for _ in range(count)]
        raw += b"".join(item.raw for item in items)
        if kind == b"|":
            reply = self._parse()
            return Reply(reply.kind, reply.value, raw + reply.raw, items)
        return Reply(kind, items, raw)
