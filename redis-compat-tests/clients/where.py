"""Connects redis-py to where the first argument says, as JSON."""
import json
import sys

WHERE = json.loads(sys.argv[1])


def client(module, **more):
    """A client of `module`: redis, or redis.asyncio."""
    if "path" in WHERE:
        return module.Redis(unix_socket_path=WHERE["path"], **more)
    if "ca" in WHERE:
        more.update(ssl=True, ssl_ca_certs=WHERE["ca"], ssl_certfile=WHERE["cert"], ssl_keyfile=WHERE["key"])
    return module.Redis(host=WHERE["host"], port=WHERE["port"], **more)
