# SPDX-License-Identifier: GPL-2.0-or-later
"""libuv's tests, built from Debian's source package. Its runner starts a process for each."""

import re

from adapters.common import Command, build, need, select
from adapters.sources import fetch


def read(text, status):
    """{test: outcome} of TAP, whose lines for a failure follow it."""
    outcomes = {}
    for match in re.finditer(r"^(ok|not ok) \d+ - (\S+)(?: # SKIP ?(.*))?", text, re.M):
        outcomes[match[2]] = (f"skipped: {match[3]}" if match[3] is not None else
                              "ok" if match[1] == "ok" else "failure")
    return outcomes


class Libuv:
    def prepare(self, folder, groups):
        self.program = folder / "build/uv_run_tests_a"
        if self.program.exists():
            return
        need("/usr/bin/cmake", "cmake")
        source = fetch(folder, "libuv1")
        build(["cmake", "-S", source, "-B", folder / "build", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"], folder)
        build(["cmake", "--build", folder / "build", "--target", "uv_run_tests_a"], folder)

    def groups(self, quick, patterns):
        return select({"tests": False}, quick, patterns)

    def commands(self, group, tests, scratch):
        # Files are looked for beside the sources.
        folder = self.program.parent.parent / "source"
        for test in [None] if tests is None else sorted(tests):
            yield Command([self.program, *([test, test] if test else [])], single(test) if test else read, folder,
                          {"UV_RUN_AS_ROOT": "1"})


def single(test):
    """A test that is run alone says nothing but its exit status."""
    def outcome(text, status):
        return {test: "ok" if status == 0 else f"skipped: {text.strip().splitlines()[-1]}" if status == 7
                else "failure"}
    return outcome
