"""What both servers tell of the keys that a request touched: their keyspace notifications, in order."""
from compat.resp import Closed, Garbled

# All classes, on the keys' own channels: those name the database, the key and the event.
CLASSES = "KAmn"
PATTERN = "__keyspace@*"


class Ear:
    """A connection to one server that hears of everything that happens to keys."""

    def __init__(self, server, timeout):
        with server.connect(timeout=timeout) as admin:
            admin.ask_ok("CONFIG", "SET", "notify-keyspace-events", CLASSES)
        self.connection = server.connect(timeout=timeout)
        self.connection.ask_ok("PSUBSCRIBE", PATTERN)

    def heard(self):
        """What was said since the last call, as `channel event`. Notifications come before the PING's reply, since who made
        them was answered before it was sent. None: nobody knows, the connection is lost or held up."""
        if self.connection is None:
            return None
        said = []
        try:
            self.connection.send(b"PING\r\n")
            while True:
                reply = self.connection.reply()
                if reply.items and reply.items[0].text == b"pmessage":
                    # When what has expired goes is each server's own affair.
                    if reply.items[3].text != b"expired":
                        said.append(reply.items[2].text + b" " + reply.items[3].text)
                else:
                    return said
        except (OSError, Closed, Garbled):
            self.close()
            return None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def agree(words, theirs, mine):
    """Whether two servers tell the same of a request. SORT goes through a set's members in the order of its table. Since 7.2 a
    consumer comes to be when it tries to read or claim, in 7.0 when it gets something: nothing is compared of when they come and go."""
    of_consumers = (b" xgroup-createconsumer", b" xgroup-delconsumer")
    theirs, mine = ([said for said in heard if not said.endswith(of_consumers)] for heard in (theirs, mine))
    if words[0].upper().startswith(b"SORT"):
        return sorted(theirs) == sorted(mine)
    return theirs == mine
