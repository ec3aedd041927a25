"""The differential suite: the same requests to Redis 7.0.15 and to Dunlin, replies equal byte for byte.

Four sources of requests: scenario files (scenarios/*.txt), the introspection checks (introspection.py), values that
the servers dump and restore (dumps.py), and random sequences (families.py). Each runs in RESP2 and in RESP3. A command that Dunlin lacks is a failure.
"""
import glob
import os
import random
import re
import time
from collections import defaultdict

from compat.resp import Closed, Garbled, encode
from compat.results import Results
from compat.servers import Server, StartFailed, is_redis, reference, under_test

from . import dumps, families, introspection, script
from .pair import Finding, Pair, quoted

HERE = os.path.dirname(os.path.abspath(__file__))
# Commands that the server under test lacks -> the scenarios of which a part was left out for it.
LEFT_OUT = defaultdict(set)
SHRINK_TRIES = 150


def run_scenario(pair, scenario, protocol):
    """All findings of one scenario in one protocol."""
    findings, skipping = [], False
    pair.begin(protocol)
    for step in scenario.steps:
        if step.kind == "needs":
            skipping = pair.ours_lacks(step.words[0])
            if skipping:
                LEFT_OUT[step.words[0].decode()].add(f"{scenario.family}: {scenario.name}")
        elif step.kind == "end":
            skipping = False
        if skipping:
            continue
        try:
            found = list(take(pair, step))
        except (OSError, Closed, Garbled) as error:
            found = [Finding(step.words, b"", repr(error).encode(), "a connection broke")]
        for finding in found:
            finding.place = f"{scenario.family}.txt:{step.line}, RESP{protocol}"
            findings.append(finding)
    return findings


def take(pair, step):
    """Performs one step; returns its findings."""
    if step.kind == "request":
        if b"CURSOR" in step.words:
            return filter(None, [pair.scan_all(step.words)])
        return filter(None, [pair.request(step.words, step.rule)])
    if step.kind == "on":
        pair.current = step.words[0].decode()
    elif step.kind == "wait":
        time.sleep(step.count / 1000)
    elif step.kind == "raw":
        return pair.raw(step.words[0], step.count, rule=step.rule)
    elif step.kind == "split":
        data, findings = step.words[0], []
        for at in range(1, len(data)):
            findings += pair.raw(data, step.count, [data[:at], data[at:]], step.rule)
            if findings:
                break
        return findings
    elif step.kind == "fatal":
        return filter(None, [pair.fatal(step.words[0])])
    elif step.kind == "silent":
        for side in (pair.redis, pair.ours):
            side.connection(pair.current).send(encode(*step.words))
    elif step.kind == "ours":
        expected, *words = step.words
        reply = pair.ours.ask(pair.current, encode(*words))
        if reply.raw != expected:
            return [Finding(words, expected, reply.raw, "a newer command (its reply is written in the scenario)")]
    return []


def run_newer(pair, scenario, protocol):
    """A scenario of commands newer than the reference: every plain request must simply not fail."""
    findings = []
    pair.ours.begin(protocol)
    pair.current = "first"
    for step in scenario.steps:
        if step.kind == "request":
            reply = pair.ours.ask(pair.current, encode(*step.words))
            found = [Finding(step.words, b"(no error)", reply.raw, "set-up step")] if reply.is_error else []
        else:
            found = list(take(pair, step))
        for finding in found:
            finding.place = f"{scenario.family}.txt:{step.line}, RESP{protocol}"
            findings.append(finding)
    return findings


def run_scenarios(pair, options, results, all_findings, against_redis):
    newer = 0
    for path in sorted(glob.glob(os.path.join(HERE, "scenarios", "*.txt"))):
        for scenario in script.read(path):
            label = f"{scenario.family}: {scenario.name}"
            if options.only and not any(word in label for word in options.only):
                continue
            for protocol in scenario.protocols:
                if scenario.newer and against_redis:
                    newer += 1
                    continue
                runner = run_newer if scenario.newer else run_scenario
                findings = runner(pair, scenario, protocol)
                report(results, f"{label} (RESP{protocol})", findings, all_findings, options)
    for command, names in LEFT_OUT.items():
        print(f"differential: parts of {len(names)} scenarios left out: they need {command.upper()}")
    if newer:
        print(f"differential: {newer} scenarios of newer commands left out: the server under test is Redis")


def report(results, label, findings, all_findings, options):
    all_findings += findings
    if not findings:
        results.ok(label)
        return
    shown = findings if options.all_differences else findings[:3]
    more = f"\n... and {len(findings) - len(shown)} more" if len(findings) > len(shown) else ""
    results.fail(label, "\n".join(map(str, shown)) + more)


def sequence_findings(pair, protocol, sequence):
    """Runs a sequence on empty servers; the index of the first differing request and its finding."""
    pair.begin(protocol)
    for index, words in enumerate(sequence):
        finding = pair.scan_all(words) if b"CURSOR" in words else pair.request(words)
        if finding:
            return index, finding
    return None


def shrink(pair, protocol, sequence, command):
    """Drops requests from a failing sequence while its last request still differs."""
    tries, size = 0, max(1, len(sequence) // 2)
    while size and tries < SHRINK_TRIES:
        at = 0
        while at < len(sequence) - 1 and tries < SHRINK_TRIES:
            candidate = sequence[:at] + sequence[min(at + size, len(sequence) - 1) :]
            tries += 1
            found = sequence_findings(pair, protocol, candidate)
            if found and found[1].command == command:
                sequence = candidate[: found[0] + 1]
            else:
                at += size
        size //= 2
    return sequence


def run_random(pair, options, results, all_findings):
    for family, generate in families.FAMILIES.items():
        if options.only and not any(word in f"random {family}" for word in options.only):
            continue
        for protocol in (2, 3):
            found = None
            # A long one takes as long as several others.
            rounds = -(-options.rounds // 4) if family.startswith("long ") else options.rounds
            for round_number in range(rounds):
                seed = f"{options.seed}/{family}/{protocol}/{round_number}"
                rng = random.Random(seed)
                sequence = [families.to_bytes(generate(rng)) for _ in range(options.steps)]
                found = sequence_findings(pair, protocol, sequence)
                if found:
                    break
            label = f"random {family} (RESP{protocol})"
            if not found:
                results.ok(label)
                continue
            index, finding = found
            small = shrink(pair, protocol, sequence[: index + 1], finding.command)
            steps = "\n".join(" ".join(quoted(w) for w in words) for words in small)
            finding.place = f"random {family}, seed {seed}"
            all_findings.append(finding)
            results.fail(label, f"seed {seed}, shortest sequence found:\n{steps}\n{finding}")


def run(options):
    results, all_findings = Results("differential"), []
    try:
        with reference() as redis, under_test(options) as ours:
            against_redis = isinstance(ours, Server) and is_redis(ours.command)
            pair = Pair(redis, ours)
            run_scenarios(pair, options, results, all_findings, against_redis)
            introspection.run(pair, options, results, all_findings, against_redis)
            dumps.run(pair, options, results, all_findings)
            run_random(pair, options, results, all_findings)
            pair.end()
            for log in pair.ours.crashes:
                results.fail("the server ended", log)
            if not ours.alive():
                results.fail("server", "it ended during the suite:\n" + ours.log()[-2000:])
    except StartFailed as error:
        results.fail("start", error)
    summary(all_findings)
    if options.report:
        write_report(options.report, all_findings)
    return results


def write_report(folder, findings):
    """One Markdown file a family, findings grouped by command, each only once."""
    os.makedirs(folder, exist_ok=True)
    for stale in glob.glob(os.path.join(folder, "*.md")):
        os.unlink(stale)
    families_found = defaultdict(lambda: defaultdict(dict))
    for found in findings:
        family = re.split(r"[.,:]", found.place)[0].strip() or "introspection"
        family = family.removeprefix("random ")
        families_found[family][found.command][(tuple(found.words), found.why)] = found
    for family, commands in families_found.items():
        with open(os.path.join(folder, f"{family}.md"), "w", encoding="utf-8") as out:
            out.write(f"# {family}: replies that differ from Redis 7.0.15 and are not declared\n")
            for command, found in sorted(commands.items()):
                out.write(f"\n## {quoted(command.encode())} ({len(found)})\n```\n")
                out.writelines(f"{f}\n" for f in found.values())
                out.write("```\n")


def summary(findings):
    """Which commands differ, most findings first."""
    commands = defaultdict(list)
    for finding in findings:
        commands[finding.command].append(finding)
    missing = sorted(c for c, found in commands.items() if all(f.is_missing_command for f in found))
    if missing:
        print(f"differential: missing commands: {' '.join(missing)}")
    others = sorted((c for c in commands if c not in missing), key=lambda c: -len(commands[c]))
    if others:
        print("differential: differing: " + ", ".join(f"{c[:30]} ({len(commands[c])})" for c in others))
