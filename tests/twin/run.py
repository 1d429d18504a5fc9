#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The twin runner: every scenario natively, then under reseat; what the program sees must be the same.

    run.py [--reseat build/reseat] [--user] [--native] [--only GLOB]... PROGRAM...

For each scenario of each program (scenarios/scenario.h) and each policy, one line of TAP:

    map	   every socket becomes an IPv6 one and still reaches the IPv4 server (v4-mapped)
    netns  every socket becomes a fresh one of the same family in the same place

A scenario passes when its output and exit status are those of the native run, no process is left
behind, the trace has a verdict for every connect, and what must be swapped was.

Environment: RESEAT names the program where --reseat does not; BACKENDS lists the watch backends to
force (default: procfs); RESEAT_NO_SKIP=1 makes a skip a failure.
"""

import argparse
import collections
import difflib
import fnmatch
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import surroundings
import verdicts
from known_differences import KNOWN

POLICIES = {
    "map": ["--map", "0.0.0.0/0=::ffff:0:0/96", "--map", "127.0.0.0/8=::ffff:0:0/96"],
    "netns": ["--netns", "0.0.0.0/0=self", "--netns", "127.0.0.0/8=self"],
}
TIMEOUT = 10
NOBODY = 65534

Scenario = collections.namedtuple("Scenario", "program name flags")
Outcome = collections.namedtuple("Outcome", "lines status errors connects notes wrong")


class Skip(Exception):
    pass


class Runner:
    def __init__(self, options):
        self.options = options
        self.native = {}
        self.number = 0
        self.failed = 0
        self.notes = []
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="twin."))
        self.directory.chmod(0o1777)

    def clean(self):
        for path in self.directory.iterdir():
            path.unlink()

    def execute(self, scenario, prefix):
        """Run a scenario, `prefix` before its command line."""
        report = self.directory / "report"
        identity = {}
        if self.options.user:
            identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        process = subprocess.Popen(
            [*prefix, scenario.program, scenario.name, report], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, cwd="/",
            **identity)
        wrong = []
        try:
            out, errors = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            wrong += [f"not done after {TIMEOUT} s", *surroundings.describe()]
            surroundings.kill_all()
            out, errors = process.communicate()
        wrong += surroundings.leftovers()
        connects, notes = None, []
        for line in report.read_text().splitlines() if report.exists() else []:
            word, _, rest = line.partition(" ")
            if word == "skip":
                raise Skip(rest)
            if word == "connects":
                connects = int(rest)
            if word == "note":
                notes.append(rest)
        return Outcome(out.decode(errors="replace").splitlines(), process.returncode,
                       errors.decode(errors="replace").splitlines(), connects, notes, wrong)

    def run_native(self, scenario):
        """The native outcome, or the Skip that it ended in; run once."""
        if scenario not in self.native:
            self.clean()
            try:
                self.native[scenario] = self.execute(scenario, [])
            except Skip as skip:
                self.native[scenario] = skip
        if isinstance(self.native[scenario], Skip):
            raise self.native[scenario]
        return self.native[scenario]

    def compare(self, scenario, policy, backend):
        """What is wrong with a scenario under one policy: a list of lines."""
        native = self.run_native(scenario)
        wrong = [f"native: {line}" for line in native.wrong]
        if native.status:
            wrong += [f"native: exit status {native.status}", *native.lines, *native.errors]
        if wrong:
            return wrong
        self.clean()
        prefix = []
        tracefile = self.directory / "trace"
        if policy != "native":
            prefix = [self.options.reseat, "run", *POLICIES[policy], f"--watch-backend={backend}",
                      "--trace=json", "--trace-output", tracefile, "--"]
        outcome = self.execute(scenario, prefix)
        wrong = list(outcome.wrong)
        if outcome.status != native.status:
            wrong.append(f"exit status {outcome.status}, natively {native.status}")
        approximate = policy != "native" and verdicts.has_approximate(tracefile)
        wrong += difference(scenario, policy, native.lines, outcome.lines, approximate,
                            not self.options.user)
        if policy != "native" and not outcome.status:
            wrong += verdicts.complaints(tracefile, outcome.connects, scenario.flags)
        if outcome.errors != native.errors:
            wrong += [f"stderr: {line}" for line in outcome.errors]
        self.notes = outcome.notes
        if wrong and tracefile.exists():
            wrong += [f"trace: {line}" for line in tracefile.read_text().splitlines()[:8]]
        return wrong

    def test(self, scenario, policy, backend):
        """One line of TAP."""
        self.number += 1
        self.notes = []
        name = f"{label(scenario)} {policy}" + (f" {backend}" if policy != "native" else "")
        try:
            wrong = self.compare(scenario, policy, backend)
        except Skip as skip:
            if os.environ.get("RESEAT_NO_SKIP") == "1":
                wrong = [f"skipped, and RESEAT_NO_SKIP is set: {skip}"]
            else:
                print(f"ok {self.number} - {name} # SKIP {skip}", flush=True)
                return
        print(f"{'not ok' if wrong else 'ok'} {self.number} - {name}")
        for line in [f"note: {note}" for note in self.notes] + wrong:
            print(f"#   {line}")
        sys.stdout.flush()
        self.failed += bool(wrong)


def label(scenario):
    return f"{pathlib.Path(scenario.program).name}/{scenario.name}"


def is_known(entry, old, new, approximate):
    return (re.fullmatch(entry["native"], old) and re.fullmatch(entry["reseat"], new) and
            (approximate or not entry["approximate"]))


def difference(scenario, policy, native, seen, approximate, complete):
    """The lines in which two outputs differ, less the known differences.

    approximate: reseat itself said that a connection is; complete: every known difference has to occur.
    """
    wrong = []
    used = []
    known = [entry for entry in KNOWN if fnmatch.fnmatch(label(scenario), entry["scenarios"]) and
             policy in entry["policies"]]
    matcher = difflib.SequenceMatcher(None, native, seen, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        before, after = native[a:b], seen[c:d]
        if tag == "equal":
            continue
        if len(before) == len(after):
            for old, new in zip(before, after):
                entry = next((e for e in known if is_known(e, old, new, approximate)), None)
                if entry:
                    used.append(entry)
                else:
                    wrong += [f"native: {old}", f"reseat: {new}"]
        else:
            wrong += [f"native: {line}" for line in before] or ["native: (nothing)"]
            wrong += [f"reseat: {line}" for line in after] or ["reseat: (nothing)"]
    if complete:
        wrong += [f"known difference that does not occur any more: {entry['native']}: {entry['why']}"
                  for entry in known if entry not in used]
    return wrong


def list_scenarios(program, patterns):
    """The scenarios of a program."""
    out = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        name, *flags = line.split()
        scenario = Scenario(os.path.abspath(program), name, tuple(flags))
        if not patterns or any(fnmatch.fnmatch(label(scenario), p) for p in patterns):
            yield scenario


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reseat", default=os.environ.get("RESEAT"))
    parser.add_argument("--user", action="store_true", help="as user nobody; needs root to become it")
    parser.add_argument("--native", action="store_true", help="compare two native runs")
    parser.add_argument("--only", action="append", metavar="GLOB", help="program/scenario")
    parser.add_argument("--policy", action="append", choices=POLICIES)
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    if not options.native and not options.reseat:
        parser.error("name the program with --reseat or RESEAT, or use --native")
    if options.reseat:
        options.reseat = os.path.abspath(options.reseat)
    return options


def skip_all(reason):
    if os.environ.get("RESEAT_NO_SKIP") == "1":
        print(f"1..1\nnot ok 1 - surroundings\n#   missing: {reason}")
        return 1
    print(f"1..0 # SKIP {reason}")
    return 0


def main():
    options = arguments()
    if options.user and os.getuid():
        return skip_all("root, to become user nobody")
    scenarios = [s for program in options.programs for s in list_scenarios(program, options.only)]
    # What only root can do is in the run as root, and no part of this one.
    if options.user:
        scenarios = [s for s in scenarios if "needs_root" not in s.flags]
    try:
        surroundings.become_subreaper()
        surroundings.enter()
    except surroundings.Missing as missing:
        return skip_all(str(missing))
    if options.native:
        plan = [("native", "")]
    else:
        backends = os.environ.get("BACKENDS", "procfs").replace(",", " ").split()
        plan = [(p, b) for b in backends for p in options.policy or POLICIES]
    print(f"1..{len(scenarios) * len(plan)}", flush=True)
    runner = Runner(options)
    try:
        for scenario in scenarios:
            for policy, backend in plan:
                runner.test(scenario, policy, backend)
    finally:
        surroundings.kill_all()
        runner.clean()
        runner.directory.rmdir()
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
