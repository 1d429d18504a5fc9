# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of a group of tests, natively or under reseat."""

import collections
import os
import subprocess
import sys
import time

import backends
import surroundings
import verdicts
from run import POLICIES

# How long a group may take natively, in seconds; under reseat thrice what it took natively, and a minute.
LIMIT = surroundings.slowly(900)
# What a group that did not end has as the outcome of the test that it was at.
UNFINISHED = "did not end"

Ran = collections.namedtuple("Ran", "outcomes seconds wrong connects swaps approximate")


class Execution:
    """What runs the groups of one suite. directory: for files of the moment; whatever is in it may be removed."""

    def __init__(self, suite, reseat, directory):
        self.suite = suite
        self.reseat = reseat
        self.directory = directory

    def run(self, group, variant=None, tests=None, limit=LIMIT):
        """A Ran. variant: (policy, backend), None natively. tests: only these, None for all."""
        scratch = self.directory / "scratch"
        subprocess.run(["rm", "-rf", scratch], check=True)
        scratch.mkdir()
        trace = self.directory / "trace"
        trace.unlink(missing_ok=True)
        prefix = []
        if variant:
            policy, backend = variant
            prefix = [self.reseat, "run", *POLICIES[policy], *backends.option(backend), "--trace=json",
                      "--trace-output", trace, "--"]
        outcomes, wrong = {}, []
        began = time.monotonic()
        for command in self.suite.commands(group, tests, scratch):
            seen, complaints = self._execute(prefix, command, scratch, limit)
            outcomes.update(seen)
            wrong += complaints
        seconds = time.monotonic() - began
        if tests is not None:
            outcomes = {test: outcome for test, outcome in outcomes.items() if test in tests}
        connects, swaps, approximate = self._account(trace, wrong) if variant else (0, 0, collections.Counter())
        return Ran(outcomes, seconds, wrong, connects, swaps, approximate)

    def _execute(self, prefix, command, scratch, limit):
        """Outcomes and complaints of one command (adapters.Command)."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(scratch), "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8",
                       "TERM": "dumb", "USER": "root", "LOGNAME": "root", **command.environment}
        wrong = []
        output = self.directory / "output"
        with open(output, "w+b") as file:
            process = subprocess.Popen([*prefix, *command.arguments], cwd=command.folder or scratch, env=environment,
                                       stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                       start_new_session=True)
            try:
                process.wait(timeout=limit)
            except subprocess.TimeoutExpired:
                wrong += [f"not done after {limit:.0f} s", *surroundings.describe()]
                surroundings.kill_all()
                process.wait()
            wrong += surroundings.leftovers()
            file.seek(0)
            text = file.read().decode(errors="replace")
        outcomes = command.read(text, process.returncode)
        if not outcomes:
            wrong += [f"no outcome of any test; exit status {process.returncode}", *text.splitlines()[-5:]]
        return outcomes, wrong

    @staticmethod
    def _account(trace, wrong):
        """How many connects there were, how many were swapped, and why how many of them are approximate."""
        try:
            records = verdicts.read(trace)
        except FileNotFoundError:
            return 0, 0, collections.Counter()
        wrong += [f"trace: no verdict: {record}" for record in records if not record.get("verdict")]
        return (len(records), sum(record.get("how") in verdicts.SWAPPED for record in records),
                collections.Counter(record.get("why") for record in records
                                    if record.get("verdict") == "approximate"))


if __name__ == "__main__":
    sys.exit("this is a part of tests/suites/run")
