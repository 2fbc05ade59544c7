#!/usr/bin/env python3
"""Fails when a test that has threads is in no program of the ThreadSanitizer build.

    tsan_coverage.py TESTS_DIR STEM...

The stems are those that tests/*/meson.build gives to that build. A test has threads when it, or a header
of tests/ that it includes, starts them, or calls what starts them in the engine.
"""
import pathlib
import re
import sys

# Threads of its own; asynchronous calls; a storage with a client thread; copies by several workers.
STARTS_THREADS = re.compile(
    r"std::j?thread\b(?!::)|std::async|pthread_create|\w_async\(|_watch_next\(|"
    r"#include \"strongroom/impl/\w+/(async_reads|page_workers|copy_store|store_copy|migrate|migration|"
    r"backup_reader)\.hpp\"|"
    r"#include \"src/lmdb/group_commit\.hpp\"|\bone_zookeeper\(\)|\bopen_backend\(\"zk:")
INCLUDE = re.compile(r'#include "([^"]+)"')


def text_with_headers(path, tests, seen):
    """The text of a file, and of the headers below tests/ that it includes."""
    if path in seen:
        return ""
    seen.add(path)
    text = path.read_text(encoding="utf-8")
    whole = text
    for name in INCLUDE.findall(text):
        for base in (path.parent, tests, tests.parent):
            header = (base / name).resolve()
            if header.is_file() and tests in header.parents:
                whole += text_with_headers(header, tests, seen)
                break
    return whole


def stems_with_threads(tests):
    found = {}
    for path in sorted(tests.rglob("*_test.cpp")):
        match = STARTS_THREADS.search(text_with_headers(path, tests, set()))
        if match:
            found[path.name.removesuffix("_test.cpp")] = (path, match[0])
    return found


def main(tests, covered):
    found = stems_with_threads(tests)
    if len(found) < 10:
        sys.exit("hardly a test has threads: the pattern does not see them any more")
    missing = {stem: what for stem, what in found.items() if stem not in covered}
    for path, what in missing.values():
        print(f"{path.relative_to(tests)} has threads ({what}), and is in no program of the "
              "ThreadSanitizer build; add it to the thread stems of its meson.build")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), set(sys.argv[2:]))
