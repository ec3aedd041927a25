"""How long the thread that serves requests is held when a collection of a million elements goes."""
import time

from servers import CEILING, MEMCACHE_PROTOCOL, Server, fill
from works import DATASETS

# The datasets that are one collection, by their type, with the key that they stand at.
COLLECTIONS = {"list of 1M 16 B": "list", "hash of 1M 16+16 B": "hash", "set of 1M ints": "ints", "set of 1M strings": "set",
               "zset of 1M": "zset", "stream of 1M": "stream"}
WAYS = {"DEL": ("DEL", "{}"), "UNLINK": ("UNLINK", "{}"), "SET over it": ("SET", "{}", "x"), "expiry": ("PEXPIRE", "{}", "1")}
SETTLING_S = 0.05


def held_ms(server, words):
    """CPU of the thread that serves, in ms, from the request until its work is done."""
    request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)
    with server.connect() as s:
        s.sendall(b"PING\r\n")
        s.recv(100)
        before = server.cpu_by_thread()
        s.sendall(request)
        s.recv(100)
        time.sleep(SETTLING_S)  # what comes behind a reply is done, and what expires has mostly gone
        while words[0] == "PEXPIRE" and server.ask("DBSIZE") != ":0":
            time.sleep(SETTLING_S)
        after = server.cpu_by_thread()
    return (after[server.serving] - before[server.serving]) * 1e3


def pauses(names, tmp, opt, results, progress):
    """For each type and way to go: the thread that serves is the one that took in the elements."""
    count = 200_000 if opt.quick else 1_000_000
    for dataset, key in COLLECTIONS.items():
        command, size, *_ = DATASETS[dataset]
        for way, words in WAYS.items():
            row = results[f"{dataset}, {way}"] = {}
            for name in names:
                if name == CEILING or name in MEMCACHE_PROTOCOL:
                    continue
                runs = []
                with Server(name, opt.port, f"{tmp}/{name}-pauses") as s:
                    s.wait_ready()
                    for _ in range(opt.reps):
                        if fill(s, command, count, size) is None:
                            break
                        threads = s.cpu_by_thread()
                        s.serving = max(threads, key=threads.get)
                        runs.append(held_ms(s, [word.format(key) for word in words]))
                        s.ask("DEL", key)
                        time.sleep(SETTLING_S)
                if runs:
                    row[name] = {"held_ms": min(runs), "most_ms": max(runs)}
            progress(f"pauses {dataset}, {way}: " + "  ".join(
                f"{n} {r['held_ms']:.2f} to {r['most_ms']:.2f} ms" for n, r in row.items()))
