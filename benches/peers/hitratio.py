"""Hit ratio of a server under a memory limit, on traces of key ids (files of 32-bit little-endian ids, xz-packed).

usage: hitratio.py --server NAME='COMMAND {port} {dir}' --policy NAME:POLICY ... [--shares 0.05,0.1,0.2] [--value 100]
                   [--requests N] TRACE.u32.xz ...

Each request is `SET k v NX GET`: one atomic step that reads a present key (a hit) or stores an absent one (a miss). Every server
gets the memory that it needs to hold the same number of keys: it is first filled with share x distinct keys without a limit, and
`maxmemory` is set to what it then uses. So the table compares what is kept, not how compactly. Python 3.11, standard library.
"""
import argparse, array, json, lzma, os, re, shlex, socket, subprocess, sys, tempfile, time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, command):
        self.port, self.dir = free_port(), tempfile.mkdtemp()
        argv = shlex.split(command.format(port=self.port, dir=self.dir))
        self.process = subprocess.Popen(argv, cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=60)
                break
            except OSError:
                time.sleep(0.05)
        else:
            sys.exit(f"no answer from: {command}")
        self.file = self.sock.makefile("rb", 1 << 16)

    def ask(self, *words):
        self.sock.sendall(pack(words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if line[:1] == b"$" and line != b"$-1\r\n":
            return self.file.read(int(line[1:]) + 2)[:-2]
        return line.strip()

    def used(self):
        return int(re.search(rb"used_memory:(\d+)", self.ask("INFO", "memory")).group(1))

    def stop(self):
        self.process.kill()
        self.process.wait()


def pack(words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(x).encode() for x in words))


def settle(server):
    """used_memory once two readings agree."""
    last = -1
    for _ in range(40):
        now = server.used()
        if abs(now - last) < 4096:
            return now
        last = now
        time.sleep(0.1)
    return last


def run(command, policy, ids, capacity, value, batch=64):
    s = Server(command)
    try:
        filler = b"x" * value
        request = lambda k: b"*5\r\n$3\r\nSET\r\n$10\r\nt:%08d\r\n$%d\r\n%s\r\n$2\r\nNX\r\n$3\r\nGET\r\n" % (k, value, filler)
        for at in range(0, capacity, batch):  # calibration: the memory that this many keys take
            some = range(at, min(at + batch, capacity))
            s.sock.sendall(b"".join(request(90_000_000 + k) for k in some))
            for _ in some:
                s.reply()
        limit = settle(s)
        s.ask("FLUSHALL")
        for words in (("CONFIG", "SET", "maxmemory-policy", policy), ("CONFIG", "SET", "maxmemory", limit)):
            if (answer := s.ask(*words)) != b"+OK":
                sys.exit(f"{words}: {answer.decode(errors='replace')}")
        hits = errors = 0
        began = time.monotonic()
        for at in range(0, len(ids), batch):
            some = ids[at:at + batch]
            s.sock.sendall(b"".join(map(request, some)))
            for _ in some:
                answer = s.reply()
                if answer[:1] == b"x":
                    hits += 1
                elif answer[:1] == b"-":
                    errors += 1
        keys = int(s.ask("DBSIZE")[1:])
        return {"hit_ratio": hits / len(ids), "keys": keys, "capacity": capacity, "errors": errors,
                "over_limit": s.used() / limit - 1, "seconds": time.monotonic() - began}
    finally:
        s.stop()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--server", action="append", required=True)
    p.add_argument("--policy", action="append", required=True, help="NAME:POLICY, NAME being a --server's")
    p.add_argument("--shares", default="0.05,0.1,0.2")
    p.add_argument("--value", type=int, default=100)
    p.add_argument("--requests", type=int, default=10**9)
    p.add_argument("--json")
    p.add_argument("traces", nargs="+")
    opt = p.parse_args()
    servers = dict(s.split("=", 1) for s in opt.server)
    columns = [tuple(c.split(":", 1)) for c in opt.policy]
    print("| trace | keys held | " + " | ".join(f"{n} {pol}" for n, pol in columns) + " |\n|" + " --- |" * (len(columns) + 2))
    results = []
    for path in opt.traces:
        ids = array.array("I", lzma.open(path).read())[:opt.requests]
        distinct = len(set(ids))
        name = os.path.basename(path).removesuffix(".u32.xz")
        for share in map(float, opt.shares.split(",")):
            capacity = max(200, int(distinct * share))
            value = max(opt.value, 8_000_000 // capacity)  # so that the limit dwarfs what else the server holds
            row = []
            for server, policy in columns:
                r = run(servers[server], policy, ids, capacity, value)
                results.append({"trace": name, "share": share, "server": server, "policy": policy, **r})
                off = abs(r["keys"] / min(capacity, distinct) - 1)  # the limit did not hold as many keys as meant
                row.append(f"{100 * r['hit_ratio']:.2f} %" + (f" ({r['errors']} errors)" if r["errors"] else "")
                           + (f" (held {r['keys']})" if off > 0.03 else ""))
            print(f"| {name} | {capacity} ({share:.0%}) | " + " | ".join(row) + " |", flush=True)
    if opt.json:
        json.dump(results, open(opt.json, "w"), indent=1)


if __name__ == "__main__":
    main()
