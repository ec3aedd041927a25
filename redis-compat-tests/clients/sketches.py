"""What an application does with sketches through redis-py, which parses their replies itself."""
import math

import redis


def native(value):
    """Without what differs between protocols: bytes and texts, floats and texts of them, maps and redis-py's objects."""
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, dict):
        return {native(key).lower().replace(" ", "_"): native(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [native(item) for item in value]
    if hasattr(value, "__dict__"):
        return native(vars(value))
    return value


def numbers(values):
    return [float(native(value)) for value in values]


def refused(call, text):
    try:
        call()
    except redis.ResponseError as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"passed instead of: {text}")


def cms(r):
    sketch = r.cms()
    assert sketch.initbydim("dim", 1000, 5) and sketch.initbyprob("prob", 0.001, 0.01)
    assert native(sketch.info("prob")) == {"width": 2000, "depth": 7, "count": 0}
    assert sketch.incrby("dim", ["foo", "bar"], [5, 15]) == [5, 15]
    assert sketch.query("dim", "foo", "bar", "none") == [5, 15, 0]
    assert sketch.initbydim("other", 1000, 5) and sketch.incrby("other", ["foo"], [3]) == [3]
    assert sketch.initbydim("sum", 1000, 5) and sketch.merge("sum", 2, ["dim", "other"])
    assert sketch.query("sum", "foo", "bar") == [8, 15]
    assert sketch.merge("sum", 2, ["dim", "other"], weights=[1, 2]) and sketch.query("sum", "foo") == [11]
    assert native(r.type("sum")) == "CMSk-TYPE"
    r.restore("moved", 0, r.dump("sum"))
    assert sketch.query("moved", "foo", "bar") == [11, 15]
    refused(lambda: sketch.query("none", "foo"), "CMS: key does not exist")
    refused(lambda: sketch.initbydim("dim", 1, 1), "CMS: key already exists")
    refused(lambda: sketch.merge("sum", 1, ["prob"]), "CMS: width/depth is not equal")


def topk(r):
    sketch = r.topk()
    assert sketch.reserve("top", 3, 50, 5, 0.9)
    assert native(sketch.info("top")) in (
        {"k": 3, "width": 50, "depth": 5, "decay": 0.9}, {"k": 3, "width": 50, "depth": 5, "decay": "0.9"})
    assert sketch.add("top", "a", "b", "c", "a") == [None] * 4
    assert native(sketch.incrby("top", ["d"], [7])) in (["b"], ["c"])
    assert [bool(found) for found in sketch.query("top", "a", "d", "x")] == [True, True, False]
    assert native(sketch.list("top"))[:2] == ["d", "a"]
    assert native(sketch.list("top", withcount=True))[:4] == ["d", 7, "a", 2]
    assert native(r.type("top")) == "TopK-TYPE"
    r.restore("moved", 0, r.dump("top"))
    items = [str(number % 17) for number in range(500)]
    assert native(sketch.add("moved", *items)) == native(sketch.add("top", *items))
    assert native(sketch.list("moved", withcount=True)) == native(sketch.list("top", withcount=True))
    refused(lambda: sketch.add("none", "a"), "TopK: key does not exist")
    refused(lambda: sketch.reserve("new", 3, 50, 5, 2), "TopK: invalid decay value. must be '<= 1' & '> 0'")


def tdigest(r):
    digest = r.tdigest()
    assert digest.create("t", 1000) and math.isnan(float(digest.min("t")))
    assert native(digest.add("t", [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5])) == "OK"
    assert (float(digest.min("t")), float(digest.max("t"))) == (1, 5)
    assert numbers(digest.quantile("t", 0, 0.1, 0.5, 1)) == [1, 2, 4, 5]
    assert numbers(digest.cdf("t", 0, 2, 6)) == [0, 2 / 15, 1]
    assert digest.rank("t", 0, 2, 6) == [-1, 2, 15] and digest.revrank("t", 0, 2, 6) == [15, 13, -1]
    assert numbers(digest.byrank("t", 0, 14, 15)) == [1, 5, math.inf]
    assert numbers(digest.byrevrank("t", 0, 14, 15)) == [5, 1, -math.inf]
    assert float(digest.trimmed_mean("t", 0, 1)) == 55 / 15
    info = native(digest.info("t"))
    assert (info["compression"], info["capacity"], info["unmerged_nodes"], info["merged_nodes"]) == (1000, 6010, 15, 0)
    assert digest.create("u") and native(digest.add("u", range(100, 200))) == "OK"
    assert native(digest.merge("t", 1, "u")) == "OK" and float(digest.max("t")) == 199
    assert native(digest.merge("t", 1, "u", compression=50, override=True)) == "OK"
    info = native(digest.info("t"))
    assert (info["compression"], info["merged_weight"] + info["unmerged_weight"]) == (50, 100)
    assert native(r.type("t")) == "TDIS-TYPE"
    r.restore("moved", 0, r.dump("t"))
    assert numbers(digest.quantile("moved", 0.1, 0.9)) == numbers(digest.quantile("t", 0.1, 0.9))
    assert native(digest.reset("t")) == "OK" and math.isnan(float(digest.max("t")))
    refused(lambda: digest.add("none", [1]), "T-Digest: key does not exist")
    refused(lambda: digest.quantile("moved", 1.5), "T-Digest: quantile should be in [0,1]")


TESTS = (cms, topk, tdigest)
