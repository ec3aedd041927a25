r"""Reads scenario files: what is sent, line by line, with the expectations left to the reference server.

    ## a scenario's name                     starts with empty databases and fresh connections
    SET key "bytes \x00\r\n"                 a request; quoting as in redis-cli; <x*1000> repeats x
    !resp 3                                  the scenario runs in this protocol only (2 and 3 by default)
    !on second                               the following requests go over another connection
    !like RULE                               how the next request's replies are compared (rules.py)
    !raw "*1\r\n$4\r\nPING\r\n" 1            bytes as they are, then so many replies
    !fatal "*x\r\n"                          bytes that end the connection: all that comes until the close
    !split "PING\r\nPING\r\n" 2              the bytes cut in two at every place, so many replies each time
    !silent CLIENT REPLY OFF                 a request that gets no reply
    !wait 20                                 milliseconds
    !needs lpush                             what follows, up to `!end` or the scenario's end, is left out (and
                                             counted as such) while the server under test lacks that command
    !ours "+OK\r\n" SET k v IFEQ x           newer than the reference: Dunlin's reply must be this; in scenarios
                                             that say `!newer REASON`, which run against Dunlin alone
"""
import os
import re
from dataclasses import dataclass, field

ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}
REPEAT = re.compile(rb"<([^<>]+?)\*(\d+)>", re.S)


@dataclass
class Step:
    """One line of a scenario: `kind` is request, raw, fatal, split, silent, wait, on, needs, end or ours."""

    kind: str
    words: list = field(default_factory=list)
    rule: str = None
    count: int = 0
    line: int = 0


@dataclass
class Scenario:
    name: str
    family: str
    steps: list = field(default_factory=list)
    protocols: tuple = (2, 3)
    newer: str = None


class ScriptError(Exception):
    pass


def words_of(text, where=""):
    """Splits a line as redis-cli does; `<x*10>` inside or outside quotes repeats."""
    words, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        word = b""
        if text[at] == '"':
            word, at = _double_quoted(text, at + 1, where)
        elif text[at] == "'":
            end = text.index("'", at + 1)
            word, at = text[at + 1 : end].encode(), end + 1
        else:
            end = at
            while end < len(text) and not text[end].isspace():
                end += 1
            word, at = text[at:end].encode(), end
        words.append(REPEAT.sub(lambda m: m.group(1) * int(m.group(2)), word))
    return words


def _double_quoted(text, at, where):
    word = b""
    while True:
        if at >= len(text):
            raise ScriptError(f"{where}: unbalanced quotes")
        if text[at] == '"':
            return word, at + 1
        if text[at] == "\\" and at + 1 < len(text):
            code = text[at + 1]
            if code == "x":
                word += bytes([int(text[at + 2 : at + 4], 16)])
                at += 4
                continue
            word += ESCAPES.get(code, code.encode())
            at += 2
            continue
        word += text[at].encode()
        at += 1


def read(path):
    """The scenarios of one file; its name is their family."""
    family = os.path.splitext(os.path.basename(path))[0]
    scenarios, rule = [], None
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line, where = line.strip(), f"{os.path.basename(path)}:{number}"
            if line.startswith("## "):
                scenarios.append(Scenario(line[3:].strip(), family))
                continue
            if not line or line.startswith("#"):
                continue
            if not scenarios:
                raise ScriptError(f"{where}: a line before the first '## name'")
            scenario = scenarios[-1]
            if not line.startswith("!"):
                scenario.steps.append(Step("request", words_of(line, where), rule, line=number))
                rule = None
                continue
            directive, _, rest = line[1:].partition(" ")
            if directive == "like":
                rule = rest.strip()
            elif directive == "resp":
                scenario.protocols = (int(rest),)
            elif directive == "newer":
                scenario.newer = rest
            elif directive == "wait":
                scenario.steps.append(Step("wait", count=int(rest), line=number))
            elif directive in ("on", "silent", "ours", "needs", "end"):
                scenario.steps.append(Step(directive, words_of(rest, where), line=number))
            elif directive == "fatal":
                scenario.steps.append(Step("fatal", words_of(rest, where)[:1], rule, line=number))
                rule = None
            elif directive in ("raw", "split"):
                *data, count = words_of(rest, where)
                scenario.steps.append(Step(directive, [b"".join(data)], rule, int(count), line=number))
                rule = None
            else:
                raise ScriptError(f"{where}: no directive !{directive}")
    names = [s.name for s in scenarios]
    for name in names:
        if names.count(name) > 1:
            raise ScriptError(f"{path}: two scenarios are named {name!r}")
    return scenarios
