"""Client libraries as applications use them: redis-py (sync and asyncio), ioredis and node-redis doing real work,
and three job queues with their workers: BullMQ, Celery and RQ.

Each library runs its program over TCP, over the unix socket and over TLS, in RESP2 and (where it can) RESP3. A program
prints `ok NAME` or `not ok NAME: why` per test, and `left out NAME: needs COMMAND` where the server lacks one that the test needs;
what it prints is all this file knows of it. redis-rs is driven by
the Rust tests.
"""
import json
import os
import shutil
import subprocess
import tempfile

from compat import certificates
from compat.results import Results
from compat.servers import STATE, StartFailed, free_port, under_test

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(STATE, "python", "bin", "python")
NODE_MODULES = os.path.join(STATE, "node", "node_modules")
PROGRAMS = {
    "redis-py": [PYTHON, os.path.join(HERE, "redis_py.py")],
    "redis-py asyncio": [PYTHON, os.path.join(HERE, "redis_py_asyncio.py")],
    "ioredis": ["node", os.path.join(HERE, "ioredis.js")],
    "node-redis": ["node", os.path.join(HERE, "node_redis.js")],
    "redis-py connections": [PYTHON, os.path.join(HERE, "redis_py_connections.py")],
    "node connections": ["node", os.path.join(HERE, "node_connections.js")],
    "Celery": [PYTHON, os.path.join(HERE, "celery_jobs.py")],
    "RQ": [PYTHON, os.path.join(HERE, "rq_jobs.py")],
    "BullMQ": ["node", os.path.join(HERE, "bullmq.js")],
}
#: Nothing of a program runs without these commands.
NEEDS = {"Celery": ["multi", "subscribe"], "RQ": ["multi", "subscribe", "evalsha"], "BullMQ": ["evalsha"]}
#: What the program does is the same wherever it connects to.
ONCE = {"Celery", "RQ", "BullMQ"}
SECONDS = 90


def run(options):
    results = Results("clients")
    if options.port:
        results.fail("clients", "needs --server: TLS and the unix socket are set up at the start")
        return results
    folder = tempfile.mkdtemp(prefix="dunlin-certificates-")
    try:
        certificates.make(folder)
        tls_port = free_port()
        with under_test(options, **certificates.directives(folder, tls_port)) as server:
            places = {
                "tcp": {"host": "127.0.0.1", "port": server.port},
                "unix": {"path": server.path},
                "tls": {"host": "localhost", "port": tls_port, "ca": os.path.join(folder, "ca.crt"),
                        "cert": os.path.join(folder, "client.crt"), "key": os.path.join(folder, "client.key")},
            }
            with server.connect() as connection:
                known = {name.text for name in connection.ask("COMMAND", "LIST").items}
            for program, argv in PROGRAMS.items():
                missing = [name for name in NEEDS.get(program, []) if name.encode() not in known]
                if missing:
                    print(f"clients: {program} is left out: it needs {' '.join(missing).upper()}")
                    continue
                for place, where in places.items():
                    if program in ONCE and place != "tcp":
                        continue
                    name = f"{program} over {place}"
                    if options.only and not any(word in name for word in options.only):
                        continue
                    run_program(results, name, argv, where)
            if not server.alive():
                results.fail("server", "it ended during the suite:\n" + server.log()[-2000:])
    except StartFailed as error:
        results.fail("start", error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results


def run_program(results, name, argv, where):
    try:
        done = subprocess.run(
            [*argv, json.dumps(where)], capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL,
            env={**os.environ, "NODE_PATH": NODE_MODULES},
        )
    except subprocess.TimeoutExpired as late:
        seen = [(stream or b"").decode(errors="replace")[-1000:] for stream in (late.stdout, late.stderr)]
        results.fail(name, f"no end after {SECONDS} seconds; so far:\n" + "\n".join(seen))
        return
    except OSError as error:
        results.fail(name, error)
        return
    said_end = False
    for line in done.stdout.splitlines():
        if line.startswith("ok "):
            results.ok(f"{name}: {line[3:]}")
        elif line.startswith("not ok "):
            results.fail(f"{name}: {line[7:]}")
        elif line.startswith("left out "):
            print(f"clients: {name}: {line}")
        said_end |= line == "end"
    if done.returncode or not said_end:
        results.fail(name, f"ended with {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-1500:]}")
