# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tests of a suite have another outcome under reseat than natively."""

import collections
import fnmatch

from known import KNOWN

# How often tests whose outcome differs are run again, natively and under reseat.
AGAIN = 3
# ... and how often natively besides, where that has not shown the outcome yet: what depends on time needs patience.
PATIENCE = 12
NOTHING = "(no outcome)"


class Comparison:
    """One suite, group by group; says what differs as it goes. failed: whether anything did that is not known."""

    def __init__(self, name, execution, chosen, policies, verbose):
        self.name = name
        self.execution = execution
        self.variants = [(policy, backend) for policy in policies for backend in chosen]
        self.verbose = verbose
        self.failed = False
        self.tests = self.skipped = self.differ = self.once = self.flaky = self.unrelated = 0
        self.used = set()
        self.differing = set()
        self.swaps = collections.Counter()
        self.approximate = collections.Counter()

    def compare(self, group):
        """Run a group natively and under each variant."""
        if self.verbose:
            self._say(f"{group}: natively")
        native = self.execution.run(group)
        for line in native.wrong:
            self._fail(f"{group}: natively: {line}")
        self.tests += len(native.outcomes)
        self.skipped += sum(outcome.startswith("skipped") for outcome in native.outcomes.values())
        known = {test: {outcome} for test, outcome in native.outcomes.items()}
        for variant in self.variants:
            if self.verbose:
                self._say(f"{group}: {' '.join(variant)} ({len(native.outcomes)} tests, {native.seconds:.0f} s natively)")
            ran = self.execution.run(group, variant, limit=60 + 3 * native.seconds)
            self.swaps[variant] += ran.swaps
            self.approximate.update(ran.approximate)
            for line in ran.wrong:
                self._fail(f"{group}: {' '.join(variant)}: {line}")
            self._judge(group, variant, known, ran.outcomes)

    def _judge(self, group, variant, known, outcomes):
        """Compare the outcomes under a variant with the native ones, which grow where tests are run again."""
        differing = {test for test in known.keys() | outcomes.keys()
                     if outcomes.get(test, NOTHING) not in known.get(test, {NOTHING})}
        if not differing:
            return
        seen = {test: set() for test in differing}
        connects = 0
        for _ in range(AGAIN):
            native = self.execution.run(group, None, differing).outcomes
            under = self.execution.run(group, variant, differing, 600)
            connects += under.connects
            for test in differing:
                known.setdefault(test, set()).add(native.get(test, NOTHING))
                seen[test].add(under.outcomes.get(test, NOTHING))
        for _ in range(PATIENCE):
            left = {test for test in differing if outcomes.get(test, NOTHING) not in known[test]}
            if not left:
                break
            for test, outcome in self.execution.run(group, None, left).outcomes.items():
                known[test].add(outcome)
        for test in sorted(differing):
            outcome = outcomes.get(test, NOTHING)
            if outcome in known[test]:
                self.flaky += 1
                if self.verbose:
                    self._say(f"{group}: {test}: flaky natively: {'; '.join(sorted(known[test]))}")
                continue
            again = seen[test] - known[test]
            # Now so, now as natively, and nothing that is swapped: a matter of time.
            if not connects and seen[test] & known[test]:
                self.unrelated += 1
                self._say(f"{group}/{test}: now and then, under {' '.join(variant)}: {outcome}; it connects nothing")
                continue
            self._difference(group, variant, test, known[test], outcome, bool(again))

    def _difference(self, group, variant, test, native, outcome, stays):
        label = f"{group}/{test}"
        reason = next((entry for entry in KNOWN if entry["suite"] == self.name and
                       variant[0] in entry["policies"] and fnmatch.fnmatchcase(label, entry["tests"])), None)
        self.differing.add(label)
        if reason:
            self.used.add(reason["tests"])
            return
        self.once += not stays
        self.differ += 1
        self._fail(f"{label}\n    natively: {'; '.join(sorted(native))}\n"
                   f"    {' '.join(variant)}: {outcome}{'' if stays else ' (once)'}")

    def finish(self, complete):
        """What can be said only of all groups together."""
        for variant in self.variants:
            if not self.swaps[variant]:
                self._fail(f"{' '.join(variant)}: nothing was swapped, so nothing was tested")
        if complete:
            for entry in KNOWN:
                if entry["suite"] == self.name and entry["tests"] not in self.used:
                    self._fail(f"known difference that does not occur any more: {entry['tests']}: {entry['why']}")

    def counts(self):
        """For results.json and the table of docs/suites.md."""
        return {"tests": self.tests, "skipped natively": self.skipped, "tests that differ": len(self.differing),
                "unknown differences": self.differ, "of them once": self.once, "flaky natively": self.flaky,
                "now and then, without a connect": self.unrelated,
                "swaps": {" ".join(variant): self.swaps[variant] for variant in self.variants},
                "approximate": dict(self.approximate.most_common())}

    def summary(self):
        """The same in a line."""
        swaps = ", ".join(f"{' '.join(variant)} {self.swaps[variant]}" for variant in self.variants)
        return (f"{self.tests} tests ({self.skipped} skipped natively), {len(self.differing)} differ "
                f"({self.differ} times unknown, {self.once} of them once), {self.flaky} times flaky natively, "
                f"{self.unrelated} now and then without a connect; "
                f"swaps: {swaps}; {sum(self.approximate.values())} called approximate")

    def _fail(self, text):
        self.failed = True
        self._say(text)

    def _say(self, text):
        print(f"{self.name}: {text}", flush=True)
