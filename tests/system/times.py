#!/usr/bin/env python3
"""Where the time of a run of ./check went: times.py BUILD_DIR [ROWS]

Reads what ninja and `meson test` noted in BUILD_DIR/*, and the steps in BUILD_DIR/check-logs. What was
not built anew is listed with its last time.
"""
import collections
import json
import pathlib
import sys


def rows_of(title, unit, rows, most):
    print(f"\n---- {title} ({unit})")
    for value, name in sorted(rows, reverse=True)[:most]:
        print(f"{value:8.1f}  {name}")


def build_edges(log):
    """What ninja made last, by output: seconds."""
    edges = {}
    for line in log.read_text(encoding="utf-8").splitlines()[1:]:
        start, end, _, output, _ = line.split("\t")
        edges[output] = (int(end) - int(start)) / 1000
    return edges


def test_runs(directory):
    runs = []
    for base in ("all", "waits", "computes"):
        log = directory / "meson-logs" / f"{base}.json"
        if log.exists():
            runs += [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()
                     if line.strip()]
    return runs


def main(builds, most):
    units, tests, steps = [], [], []
    shares = collections.defaultdict(lambda: [0.0, 0.0, 0.0])
    for log in sorted(builds.glob("*/.ninja_log")):
        build = log.parent.name
        for output, seconds in build_edges(log).items():
            compiled = output.endswith(".o")
            shares[build][0 if compiled else 1] += seconds
            units.append((seconds, f"{build}: {output}"))
        for run in test_runs(log.parent):
            shares[build][2] += run["duration"]
            tests.append((run["duration"], f"{build}: {run['name'].removeprefix('strongroom:')}"))
    listed = builds / "check-logs" / "steps.tsv"
    if listed.exists():
        for line in listed.read_text(encoding="utf-8").splitlines():
            seconds, title = line.split("\t")
            steps.append((float(seconds), title))
    rows_of("slowest steps", "s", steps, most)
    rows_of("slowest to compile and link", "s", units, most)
    rows_of("slowest tests", "s", tests, most)
    print("\n---- by build, in seconds of one job: compiling, linking and the rest, running tests")
    for build, (compiling, linking, running) in sorted(shares.items()):
        print(f"{build:12}{compiling:8.0f}{linking:8.0f}{running:8.0f}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 15)
