#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The twin runner: every scenario natively, then under reseat; what the program sees must be the same.

    run.py [--reseat build/reseat] [--user] [--native] [--quick] [--network] [--exact] [--only GLOB]... PROGRAM...

For each scenario of each program (scenarios/scenario.h) and each policy, one line of TAP:

    map	   every socket becomes an IPv6 one and still reaches the IPv4 server (v4-mapped)
    netns  every socket becomes a fresh one of the same family in the same place

A scenario whose flags name policies of MORE_POLICIES runs under those instead:

    map-recvmsg  as map, and recvmsg(2) tells of IPv4, too
    map-send     besides, a datagram to an address puts its socket in place
    netns-send   as netns, by the first datagram to an address
    nat64        as map-send, but over IPv6 packets: 198.51.100.0/24 is 64:ff9b::198.51.100.0/120; for
                 scenarios whose servers can be reached at both
    to           198.51.100.0/24 is one address, that of 198.51.100.1 over IPv6; for the same ones
    to-inet      198.51.100.0/24 is 127.0.0.1, where the program's own sockets go

With --network there is a network with delay and loss (network/delay.py), and its scenarios, whose servers listen on
both families, run under map, netns and nat64.

With --exact it is the scenarios of with_kernel.py alone, and a line more for each backend: whether all of them were run, and
how many were called exact: all with `kernel`, and none with another one.

A scenario passes when its output and exit status are those of the native run, no process is left
behind, the trace has a verdict for every connect, and what must be swapped was.

Environment: RESEAT names the program where --reseat does not; BACKENDS lists the watch backends to
force, "auto" for none (default: all that work); RESEAT_NO_SKIP=1 makes a skip a failure; RESEAT_SLOW=N
multiplies deadlines, for machines that are slow.
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

sys.path += [str(pathlib.Path(__file__).resolve().parent.parent / folder) for folder in (".", "network")]
import backends  # noqa: E402
import surroundings  # noqa: E402
import verdicts  # noqa: E402
import with_kernel  # noqa: E402
import delay  # noqa: E402
from known_differences import KNOWN  # noqa: E402
from surroundings import slowly  # noqa: E402

POLICIES = {
    "map": ["--map", "0.0.0.0/0=::ffff:0:0/96", "--map", "127.0.0.0/8=::ffff:0:0/96"],
    "netns": ["--netns", "0.0.0.0/0=self", "--netns", "127.0.0.0/8=self"],
}
_SEND = ["--udp-send=swap", "--recvmsg=translate"]
# By the flag of a scenario.
MORE_POLICIES = {
    "under_netns": ("netns", POLICIES["netns"]),
    "under_recvmsg": ("map-recvmsg", [*POLICIES["map"], "--recvmsg=translate"]),
    "under_send": ("map-send", [*POLICIES["map"], *_SEND]),
    "under_netns_send": ("netns-send", [*POLICIES["netns"], *_SEND]),
    "under_nat64": ("nat64", ["--map", "198.51.100.0/24=64:ff9b::/96", "--map", "192.0.2.0/24=64:ff9b::/96", *_SEND]),
    "under_to": ("to", ["--to", "198.51.100.0/24=64:ff9b::c633:6401"]),
    "under_to_inet": ("to-inet", ["--to", "198.51.100.0/24=127.0.0.1"]),
}
ARGUMENTS = POLICIES | dict(MORE_POLICIES.values())
TIMEOUT = slowly(30)
# Of a scenario that is called slow.
LONG_TIMEOUT = slowly(60)
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
        self.verdicts = collections.defaultdict(dict)
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
        timeout = LONG_TIMEOUT if "slow" in scenario.flags else TIMEOUT
        try:
            out, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            wrong += [f"not done after {timeout} s", *surroundings.describe()]
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
            prefix = [self.options.reseat, "run", *ARGUMENTS[policy],
                      *backends.option(backend),
                      "--trace=json", "--trace-output", tracefile, "--"]
        outcome = self.execute(scenario, prefix)
        wrong = list(outcome.wrong)
        if outcome.status != native.status:
            wrong.append(f"exit status {outcome.status}, natively {native.status}")
        approximate = policy != "native" and verdicts.has_approximate(tracefile)
        wrong += difference(scenario, policy, backend, native.lines, outcome.lines, approximate,
                            not self.options.user)
        wrong += with_kernel.notes_complain(label(scenario), outcome.notes, backend)
        if policy != "native" and with_kernel.is_exact(label(scenario)):
            if approximate == (backend == with_kernel.BACKEND) and backend != "auto":
                wrong.append(f"trace: {'approximate' if approximate else 'exact'} with {backend}, against with_kernel.py")
            self.verdicts[backend][label(scenario), policy] = "approximate" if approximate else "exact"
        if policy != "native" and not outcome.status:
            wrong += verdicts.complaints(tracefile, outcome.connects, scenario.flags, backend)
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
            for _ in range(2):
                if not is_busy(scenario, wrong):
                    break
                self.notes.append("once more: " + ", ".join(wrong[:2]))
                again, self.notes = self.notes, []
                wrong = self.compare(scenario, policy, backend)
                self.notes = again + self.notes
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


    def count(self, cases, backend):
        """One line of TAP, of what `kernel` makes exact."""
        self.number += 1
        verdicts = self.verdicts[backend]
        wrong = with_kernel.count_complains(verdicts, cases, backend)
        print(f"{'not ok' if wrong else 'ok'} {self.number} - what is exact with {with_kernel.BACKEND} alone: {backend}")
        count = collections.Counter(verdicts.values())
        for line in [f"note: {count['exact']} exact, {count['approximate']} approximate"] + wrong:
            print(f"#   {line}")
        sys.stdout.flush()
        self.failed += bool(wrong)


def policies_of(scenario, network):
    """The policies that a scenario runs under."""
    named = [policy for flag, (policy, _) in MORE_POLICIES.items() if flag in scenario.flags]
    return named or [*POLICIES, *(["nat64"] if network else [])]


def is_busy(scenario, wrong):
    """Whether nothing is wrong but a count, which is higher on a busy machine."""
    seen = [line for line in wrong if line.startswith("reseat: ")]
    others = [line for line in wrong if not re.match("(reseat|native|trace): ", line)]
    return ("counts" in scenario.flags and seen and not others and
            all(re.search(r"at most \d+ (in a|ms)|: many$", line) for line in seen))


def label(scenario):
    return f"{pathlib.Path(scenario.program).name}/{scenario.name}"


def is_known(entry, old, new, approximate):
    return (re.fullmatch(entry["native"], old) and re.fullmatch(entry["reseat"], new) and
            (approximate or not entry["approximate"]))


def difference(scenario, policy, backend, native, seen, approximate, complete):
    """The lines in which two outputs differ, less the known differences.

    approximate: reseat itself said that a connection is; complete: every known difference has to occur.
    """
    wrong = []
    used = []
    known = [entry for entry in KNOWN if fnmatch.fnmatch(label(scenario), entry["scenarios"]) and
             policy in entry["policies"] and backend not in entry.get("ends", ())]
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
    parser.add_argument("--quick", action="store_true", help="without the slow scenarios")
    parser.add_argument("--network", action="store_true", help="with a network that has delay and loss")
    parser.add_argument("--one-backend", action="store_true", help="not with all watch backends, but with the first")
    parser.add_argument("--exact", action="store_true", help="what with_kernel.py lists, and count the verdicts")
    parser.add_argument("--only", action="append", metavar="GLOB", help="program/scenario")
    parser.add_argument("--policy", action="append", choices=ARGUMENTS)
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
    if options.exact:
        scenarios = [s for s in scenarios if with_kernel.is_exact(label(s))]
    if options.quick:
        scenarios = [s for s in scenarios if "slow" not in s.flags]
    try:
        surroundings.become_subreaper()
        surroundings.enter()
        if options.network:
            delay.Network()
    except surroundings.Missing as missing:
        return skip_all(str(missing))
    chosen = []
    if options.native:
        plan = [(scenario, "native", "") for scenario in scenarios]
    else:
        chosen = backends.chosen(options.reseat, options.user)
        if options.one_backend:
            chosen = chosen[:1]
        plan = [(scenario, policy, backend) for scenario in scenarios for backend in chosen
                for policy in policies_of(scenario, options.network)
                if not options.policy or policy in options.policy]
    counted = chosen if options.exact else []
    print(f"1..{len(plan) + len(counted)}", flush=True)
    runner = Runner(options)
    try:
        for scenario, policy, backend in plan:
            runner.test(scenario, policy, backend)
        for backend in counted:
            runner.count([(label(scenario), policy) for scenario, policy, by in plan if by == backend], backend)
    finally:
        surroundings.kill_all()
        runner.clean()
        runner.directory.rmdir()
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
