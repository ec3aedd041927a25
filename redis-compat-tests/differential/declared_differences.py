"""Every difference from Redis 7.0.15 that is meant, with its reason. What is not declared here is a failure.

Dunlin follows Redis 7.2 where 7.0 and 7.2 differ. A reply pair is excused when a declaration's three patterns all
match: the request (words joined by a space, as latin-1), the reference's raw reply and Dunlin's raw reply.
"""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    reason: str
    request: str
    redis: str
    ours: str

    def covers(self, words, redis_raw, ours_raw):
        text = b" ".join(words).decode("latin-1")
        return bool(
            re.search(self.request, text, re.I | re.S)
            and re.search(self.redis, redis_raw.decode("latin-1"), re.S)
            and re.search(self.ours, ours_raw.decode("latin-1"), re.S)
        )


DIFFERENCES = [
    Difference(
        "7.2 words the last line of every HELP anew",
        r"^\S+ HELP$", r"\+    Prints this help\.\r\n$", r"\+    Print this help\.\r\n$",
    ),
    Difference(
        "COPY gives a small integer a private object in Redis; here none is shared, and all are told alike",
        r"^OBJECT REFCOUNT ", r"^:1\r\n$", r"^:2147483647\r\n$",
    ),
]

# INFO fields by section. Each further field of Dunlin's is fine (clients ignore what they don't know), each
# missing one must be named here.
INFO_FIELDS_NOT_OURS = {}

# CONFIG GET names of 7.0.15 that Dunlin does not have, and those whose default differs.
CONFIG_NAMES_NOT_OURS = {}
CONFIG_DEFAULTS_OF_OUR_OWN = {
    "io-threads": "workers, one a core, where Redis has helpers of one thread",
}


def excused(words, redis_raw, ours_raw):
    """The reason why the pair may differ, or None."""
    return next((d.reason for d in DIFFERENCES if d.covers(words, redis_raw, ours_raw)), None)
