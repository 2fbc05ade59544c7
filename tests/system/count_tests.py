#!/usr/bin/env python3
"""Counts the test cases of `meson test` runs: count_tests.py BUILD_DIR XML_DIR EXIT_STATUS LOG...

Each LOG is a --logbase of BUILD_DIR/meson-logs. Prints "PASSED FAILED SKIPPED" and, on standard error,
a line for everything that failed.

A program named *_test is a GoogleTest one: its cases are counted from the XML that it wrote to
XML_DIR, and having written none, or one without cases, is a failure, as is dying after it. A room's
program is started once a stem, and once a shard of it; see tests/support/room_main.cpp.
Any other program counts as one case. A run without tests is a failure.
"""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def fail(self, what):
        self.failed += 1
        print("FAILED", what, file=sys.stderr)


def count_cases(count, name, xml_path):
    """Adds the cases of one GoogleTest program; returns how many of them failed."""
    try:
        cases = list(ElementTree.parse(xml_path).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        count.fail(f"{name}: left no readable result ({error})")
        return 1
    if not cases:
        count.fail(f"{name}: had no test cases")
        return 1
    failed_before = count.failed
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            count.fail(f"{name}: {case.get('classname')}.{case.get('name')}")
        elif case.get("status") == "notrun" or case.get("result") in ("skipped", "suppressed"):
            count.skipped += 1
        else:
            count.passed += 1
    return count.failed - failed_before


def count_run(count, run, xml_dir):
    name, result = run["name"], run["result"]
    ended_well = result in ("OK", "EXPECTEDFAIL")
    command = run.get("command") or [name]
    program = os.path.basename(command[0])
    if program.endswith("_test"):
        shard = (run.get("env") or {}).get("GTEST_SHARD_INDEX", "0")
        stem = f"{program}.{command[1]}.{shard}" if len(command) > 1 else program
        failures = count_cases(count, name, os.path.join(xml_dir, stem + ".xml"))
        if not ended_well and failures == 0:
            count.fail(f"{name}: {result} (status {run.get('returncode')}) after its last case")
    elif ended_well:
        count.passed += 1
    elif result == "SKIP":
        count.skipped += 1
    else:
        count.fail(f"{name}: {result} (status {run.get('returncode')})")


def main(build_dir, xml_dir, exit_status, logs):
    count = Count()
    runs = []
    for base in logs:
        try:
            with open(os.path.join(build_dir, "meson-logs", base + ".json"), encoding="utf-8") as log:
                runs += [json.loads(line) for line in log if line.strip()]
        except (OSError, ValueError) as error:
            count.fail(f"no readable log of the tests ({error})")
    for run in runs:
        count_run(count, run, xml_dir)
    if count.passed + count.failed == 0:
        count.fail("not one test ran")
    if exit_status != 0 and count.failed == 0:
        count.fail(f"meson test ended with status {exit_status}")
    print(count.passed, count.failed, count.skipped)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
