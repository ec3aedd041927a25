"""The two servers side by side: sends the same requests to both and compares what they answer.

Knows nothing of where the requests come from (scenario files, random generators).
"""
from dataclasses import dataclass

from compat.resp import Closed, Connection, Garbled, Reply, encode

from . import declared_differences as declared
from . import events, rules

TIMEOUT_SECONDS = 5.0


@dataclass
class Finding:
    """One reply that differs and is not declared."""

    words: list
    redis: bytes
    ours: bytes
    why: str
    place: str = ""

    @property
    def command(self):
        return self.words[0].upper().decode("latin-1") if self.words else "(raw bytes)"

    @property
    def is_missing_command(self):
        return self.ours.startswith(b"-ERR unknown") and not self.redis.startswith(b"-ERR unknown")

    def __str__(self):
        request = " ".join(quoted(w) for w in self.words)
        place = f"  ({self.place})" if self.place else ""
        return f"{request}{place}\n  redis:  {quoted(self.redis, 400)}\n  dunlin: {quoted(self.ours, 400)}\n  {self.why}"


def quoted(data, limit=120):
    text = data.decode("latin-1").encode("unicode_escape").decode()
    if len(text) > limit:
        text = f"{text[:limit]}... ({len(data)} bytes)"
    return f'"{text}"' if not text or " " in text or "\\" in text else text


class Side:
    """One server's connections by name, all in one protocol."""

    def __init__(self, server):
        self.server, self.connections, self.protocol, self.initial = server, {}, 2, None
        self.crashes = []

    def begin(self, protocol):
        """Empty databases, fresh connections, the configuration that the server started with.

        A server that can't be brought there (a password left behind, or it ended) is started anew.
        """
        self.end()
        self.protocol = protocol
        try:
            self._reset()
        except (RuntimeError, OSError, Closed, Garbled):
            self.end()
            if not self.server.alive():
                self.crashes.append(self.server.log()[-3000:])
            self.server.stop()
            self.server.start()
            self.initial = None
            self._reset()

    def _reset(self):
        with self.server.connect(timeout=TIMEOUT_SECONDS) as admin:
            now = dict(admin.ask("CONFIG", "GET", "*").pairs())
            if self.initial is None:
                self.initial = now
            for name, value in self.initial.items():
                if now[name].raw != value.raw:
                    admin.ask_ok("CONFIG", "SET", name, value.text)
            admin.ask("CONFIG", "RESETSTAT")
            admin.ask_ok("FLUSHALL")

    def connection(self, name):
        if name not in self.connections:
            self.connections[name] = opened = self.server.connect(timeout=TIMEOUT_SECONDS)
            if self.protocol == 3:
                opened.ask("HELLO", "3")
        return self.connections[name]

    def forget(self, name):
        connection = self.connections.pop(name, None)
        if connection:
            connection.close()

    def end(self):
        for name in list(self.connections):
            self.forget(name)

    def ask(self, name, data):
        """Sends bytes and reads one reply. A close, garbage or silence becomes a reply of its own kind."""
        try:
            connection = self.connection(name)
            connection.send(data)
            return self.receive(name, connection)
        except OSError as error:
            self.forget(name)
            return Reply(b"?", str(error).encode(), b"(no connection: %s)" % str(error).encode())

    def receive(self, name, connection=None):
        try:
            return (connection or self.connection(name)).reply()
        except Closed as closed:
            self.forget(name)
            return Reply(b"?", b"closed", b"(closed after %s)" % (closed.args[0][:200],))
        except Garbled as garbled:
            self.forget(name)
            return Reply(b"?", b"garbled", b"(not RESP: %s)" % (garbled.args[0][:200],))
        except TimeoutError:
            self.forget(name)
            return Reply(b"?", b"silence", b"(no reply within %d s)" % TIMEOUT_SECONDS)
        except OSError as error:
            self.forget(name)
            return Reply(b"?", str(error).encode(), b"(connection lost: %s)" % str(error).encode())


class Pair:
    """Redis and the server under test."""

    def __init__(self, redis, ours):
        self.redis, self.ours = Side(redis), Side(ours)
        self.current = "first"
        self.ears = []

    def begin(self, protocol):
        self.current = "first"
        for ear in self.ears:
            ear.close()
        self.redis.begin(protocol)
        self.ours.begin(protocol)
        # Events are the same in both protocols.
        listens = protocol == 2
        self.ears = [events.Ear(side.server, TIMEOUT_SECONDS) for side in (self.redis, self.ours) if listens]

    def end(self):
        self.redis.end()
        self.ours.end()

    def request(self, words, rule=None):
        """Sends one request to both: the finding, or None when the replies agree or the difference is declared."""
        data = encode(*words)
        theirs, mine = self.redis.ask(self.current, data), self.ours.ask(self.current, data)
        return self.judge(words, theirs, mine, rules.rule_for(words, rule)) or self.overhear(words)

    def overhear(self, words):
        """Compares what both servers have told of keys since the last request."""
        if not self.ears:
            return None
        theirs, mine = (ear.heard() for ear in self.ears)
        if theirs is None or mine is None or events.agree(words, theirs, mine):
            return None
        shown = [b"; ".join(said) for said in (theirs, mine)]
        if declared.excused(words, *shown):
            return None
        return Finding(list(words), *shown, "other keyspace notifications")

    def judge(self, words, theirs, mine, compare):
        if theirs.raw == mine.raw:
            return None
        why = compare(theirs, mine)
        if why is None or declared.excused(words, theirs.raw, mine.raw):
            return None
        return Finding(list(words), theirs.raw, mine.raw, why)

    def raw(self, data, count, pieces=None, rule=None):
        """Sends bytes (in `pieces`, if given) over the current connection and compares `count` replies."""
        findings = []
        for side in (self.redis, self.ours):
            for piece in pieces or [data]:
                side.connection(self.current).send(piece)
        for _ in range(count):
            theirs, mine = self.redis.receive(self.current), self.ours.receive(self.current)
            found = self.judge([data], theirs, mine, rules.RULES[rule] if rule else rules.exact)
            if found:
                findings.append(found)
            if b"?" in (theirs.kind, mine.kind):
                break
        return findings

    def fatal(self, data):
        """Sends bytes over fresh connections: both must answer the same bytes and then close."""
        seen = []
        for side in (self.redis, self.ours):
            side.forget("fatal")
            connection = side.connection("fatal")
            try:
                connection.send(data)
                seen.append(connection.read_until_closed())
            except TimeoutError:
                seen.append(b"(stays open)")
            except OSError as error:
                seen.append(b"(%s)" % str(error).encode())
            side.forget("fatal")
        if seen[0] == seen[1] or declared.excused([data], *seen):
            return None
        return Finding([data], seen[0], seen[1], "another end of the connection")

    def ours_lacks(self, command):
        """Whether the server under test does not have a command (asked without side effects)."""
        reply = self.ours.ask("admin", encode("COMMAND", "INFO", command))
        return reply.is_error or not reply.items or reply.items[0].is_null

    def scan_all(self, words):
        """Follows a SCAN-like command's cursor on both sides; the elements seen must be the same set."""
        sets = []
        for side in (self.redis, self.ours):
            at, cursor, seen = words.index(b"CURSOR"), b"0", set()
            for _ in range(100_000):
                reply = side.ask(self.current, encode(*words[:at], cursor, *words[at + 1 :]))
                if len(reply.items) != 2:
                    seen.add(reply.raw)
                    break
                cursor = reply.items[0].text
                seen.update(item.raw for item in reply.items[1].items)
                if cursor == b"0":
                    break
            else:
                seen.add(b"(the cursor never came back to 0)")
            sets.append(seen)
        if sets[0] == sets[1]:
            return None
        return Finding(words, b" ".join(sorted(sets[0] - sets[1])[:5]), b" ".join(sorted(sets[1] - sets[0])[:5]),
                       "elements only one of them returned")


def reopen(pair):
    pair.redis.forget(pair.current)
    pair.ours.forget(pair.current)


__all__ = ["Connection", "Finding", "Pair", "Side", "quoted", "reopen"]
