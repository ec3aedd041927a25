"""The results as Markdown tables."""
from servers import CEILING, OURS, REFERENCE, SNAPSHOTS
from works import BARS, MEMORY_BAR_RATIOS, MEMORY_BARS


def table(title, head, rows):
    lines = [f"\n### {title}\n", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


def ratio_table(title, results, names, value, higher_is_better=False, bar=None):
    """Each server's value with its ratio to redis7, then the best peer and ours against it and the ceiling; and the highest
    value, or ratio, that is asked of ours, with a word where it is missed: `bar` gives it for a work as (value, is a ratio)."""
    better = max if higher_is_better else min
    head = ["work"] + [f"{n} (×)" for n in names] + ["best peer"] + (["ours/best"] if OURS in names else []) \
        + (["best/ceiling"] if CEILING in names else []) + (["bar"] if bar and OURS in names else [])
    rows = []
    for label, row in results.items():
        # A run too short for the clock says nothing.
        v = {n: x for n in names if row.get(n) and (x := value(row[n]))}
        ref = v.get(REFERENCE)
        cells = [f"{v[n]:.3g}" + (f" ({v[n] / ref:.2f})" if ref else "") if n in v else "–" for n in names]
        peers = {n: x for n, x in v.items() if n not in (CEILING, OURS, "payload")}
        best = better(peers, key=peers.get) if peers else None
        cells.append(best or "–")
        if OURS in names:
            cells.append(f"{v[OURS] / v[best]:.2f}" if OURS in v and best else "–")
        if CEILING in names:
            cells.append(f"{v[best] / v[CEILING]:.2f}" if CEILING in v and best else "–")
        if bar and OURS in names:
            most, is_ratio = bar(label)
            reached = v.get(OURS) and (v[OURS] / ref if ref and is_ratio else v[OURS])
            missed = most and reached and round(reached, 2) > most
            cells.append((f"{most:.2f}" if is_ratio else f"{most}") + (" missed" if missed else "") if most else "–")
        rows.append([label] + cells)
    return table(title, head, rows)


def report(data):
    names, out = data["servers"], []
    for mode in ("pinned", "free"):
        if r := data["sections"].get(mode):
            out.append(ratio_table(f"{mode}: server CPU seconds per million ops (× redis7)", r, names,
                                   lambda x: x["cpu_s_per_mop"],
                                   bar=(lambda label: (BARS.get(label), True)) if mode == "pinned" else None))
            for event in ("instructions", "cycles"):
                if any(x and f"{event}_per_op" in x for row in r.values() for x in row.values()):
                    out.append(ratio_table(f"{mode}: server {event} per op (× redis7)", r, names,
                                           lambda x: x[f"{event}_per_op"]))
            out.append(ratio_table(f"{mode}: thousand ops/s (× redis7)", r, names, lambda x: x["rps"] / 1e3, True))
            out.append(table(f"{mode}: latency p50 / p99 / p99.9, ms", ["work"] + names, [
                [label] + [" / ".join(f"{row[n][q] / 1e3:.2f}" for q in ("p50_us", "p99_us", "p999_us"))
                           if row.get(n) else "–" for n in names] for label, row in r.items()]))
    if r := data["sections"].get("memory"):
        who = ["payload"] + [n for n in names if n != CEILING]
        out.append(ratio_table("memory: RSS bytes per key (× redis7)", r, who, lambda x: x["rss_per_key"],
                               bar=lambda label: (MEMORY_BARS.get(label), False) if label not in MEMORY_BAR_RATIOS
                               else (MEMORY_BAR_RATIOS[label], True)))
        out.append(table("memory: bytes per key at the peak of the fill / used_memory", ["data"] + who[1:], [
            [label] + [f"{row[n]['peak_rss_per_key']:.0f} / " + (f"{u:.0f}" if (u := row[n]["used_memory_per_key"]) else "–")
                       if n in row else "–" for n in who[1:]] for label, row in r.items()]))
    if r := data["sections"].get("restart"):
        who = [n for n in names if n in SNAPSHOTS]
        out.append(table("restart: seconds to the first answer (CPU s; SAVE s; file MB)", ["data"] + who, [
            [label] + [f"{x['ready_s']:.2f} ({x['cpu_s']:.2f}; {x['save_s']:.2f}; {x['disk_bytes'] / 1e6:.0f})"
                       if (x := row.get(n)) else "–" for n in who] for label, row in r.items()]))
    if r := data["sections"].get("aof"):
        who = [n for n in names if n in SNAPSHOTS]
        out.append(f"\nDisk: {r['disk']['fdatasync_per_s']:.0f} synced appends a second, "
                   f"p50 {r['disk']['p50_us']:.0f} µs, p99 {r['disk']['p99_us']:.0f} µs\n")
        out.append(table("AOF: thousand SET/s; CPU s per million; p99 ms", ["policy"] + who, [
            [label] + [f"{x['rps'] / 1e3:.1f}; {x['cpu_s_per_mop']:.2f}; {x['p99_us'] / 1e3:.2f}"
                       if (x := row.get(n)) else "–" for n in who]
            for label, row in r.items() if label != "disk"]))
    if r := data["sections"].get("growth"):
        out.append(table("growth: latency p50 / p99 / p99.9 / max / least max of all runs, ms; CPU s per million",
                         ["work"] + names, [[label] + [
                             " / ".join(f"{row[n][q] / 1e3:.2f}" for q in ("p50_us", "p99_us", "p999_us", "max_us", "least_max_us"))
                             + f"; {row[n]['cpu_s_per_mop']:.2f}" if row.get(n) else "–" for n in names]
                             for label, row in r.items()]))
    if r := data["sections"].get("pauses"):
        who = [n for n in names if any(n in row for row in r.values())]
        out.append(table("pauses: ms for which a collection that goes holds the thread that serves, least to most",
                         ["what goes"] + who, [[label] + [f"{x['held_ms']:.2f} to {x['most_ms']:.2f}"
                                                           if (x := row.get(n)) else "–" for n in who]
                                               for label, row in r.items()]))
    if r := data["sections"].get("bgsave"):
        lat = lambda x: " / ".join(f"{x[q] / 1e3:.2f}" for q in ("p50_us", "p99_us", "p999_us", "max_us"))
        out.append(table("snapshot under 10k SET/s of 1 KiB: latency p50 / p99 / p99.9 / max, ms",
                         ["server", "calm", "during BGSAVE", "snapshot s", "fork ms", "RSS MB", "peak RSS MB", "copied MB"],
                         [[n, lat(x["calm"]), lat(x["bgsave"]), f"{x['bgsave_s'] or 0:.1f}", f"{x['fork_ms']:.1f}",
                           f"{x['rss_mb']:.0f}", f"{x['peak_rss_mb']:.0f}", f"{x['cow_mb']:.0f}"] for n, x in r.items()]))
    return "\n".join(out)
