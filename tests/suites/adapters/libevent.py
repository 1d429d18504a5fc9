# SPDX-License-Identifier: GPL-2.0-or-later
"""libevent's regression tests, built from Debian's source package, with each of its ways to wait."""

import fnmatch
import re
import subprocess

from adapters.common import Command, build, need, select
from adapters.sources import fetch

ALL = ("EPOLL", "POLL", "SELECT")
# They wait for tens of seconds for a server that does not answer.
LEFT_OUT = "*inactive_server*"
OUTCOMES = {"OK": "ok", "FAIL": "failure", "FAILED": "failure", "SKIPPED": "skipped", "DISABLED": "skipped"}


def read(text, status):
    outcomes = {}
    at = None
    for line in text.splitlines():
        begun = re.match(r"([\w/]+): ", line)
        if begun and "/" in begun[1]:
            at = begun[1]
            outcomes.setdefault(at, "did not end")
        ended = re.search(r"(?:\[\w+ FAILED\]|\b(OK|FAIL|SKIPPED|DISABLED))\s*$", line)
        if at and (ended or re.match(r"\s*\[[\w/]+ FAILED\]", line)):
            outcomes[at] = OUTCOMES[(ended and ended[1]) or "FAIL"]
    return outcomes


class Libevent:
    def prepare(self, folder, groups):
        self.program = folder / "build/bin/regress"
        if self.program.exists():
            return
        need("/usr/bin/cmake", "cmake")
        source = fetch(folder, "libevent")
        build(["cmake", "-S", source, "-B", folder / "build", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
               "-DEVENT__LIBRARY_TYPE=STATIC", "-DEVENT__DISABLE_BENCHMARK=ON", "-DEVENT__DISABLE_SAMPLES=ON"], folder)
        build(["cmake", "--build", folder / "build", "--target", "regress"], folder)

    def groups(self, quick, patterns):
        return select({"epoll": False, "poll": False, "select": False}, quick, patterns)

    def commands(self, group, tests, scratch):
        environment = {f"EVENT_NO{name}": "1" for name in ALL if name.lower() != group}
        if tests is None:
            listed = subprocess.run([self.program, "--list-tests"], capture_output=True, text=True).stdout.split()
            # What stands after a colon is not run.
            chosen = [f":{test}" for test in listed if fnmatch.fnmatchcase(test, LEFT_OUT)]
        else:
            chosen = sorted(tests)
        yield Command([self.program, *chosen], read, environment=environment)
