# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what a program saw under reseat is something that it can see natively.

What is native is a set: a program runs natively a few times, and where reseat's outcome is not among those, many more
times, with what is let go together in each order. Whatever is not native then is a difference. It is

    known  where each line that differs stands in known.py, with its reason
    told   where reseat itself called a connection of that very run approximate, and why
    found  otherwise: a bug
"""
import difflib
import itertools
import re
import time

import known

# The orders of three, all at once, and some at times of their own: interpret.c.
ORDERS = [0, 1, 2, 3, 4, 5, 6, *range(7, 31)]
# Why a connection is approximate, and what the program has to contain for that to explain a difference.
TOLD = {
    "something else holds the old socket": r" fork ",
    "an epoll instance that another process has": r" fork | close | dup[23] ",
    "a one-shot epoll item that had fired": "oneshot",
}
# What stays approximate where the kernel lets all follow (`kernel`), each a row of docs/transparency.md: the beginning of a
# reason, and what a program has to contain for it. With --exact any other reason is a bug, whatever the program saw.
STAYS = {
    "something else holds the old socket": r" fork ",
    "an epoll instance that another process has": r" fork | close | dup[23] ",
    "a thread waited on the socket since before that was made non-blocking": r"nonblock",
    "the timeout of a receive in another thread began anew": r"so_rcvtimeo",
    "the timeout of a send in another thread began anew": r"so_sndtimeo",
    # Where processors are slow, as emulated ones are.
    "a thread that waits on the socket did not stop in time": r" thread ",
}
# Runs of a program by itself, of which one has to differ: of one that is shrunk, and of one that was found.
ATTEMPTS, ATTEMPTS_FOUND = 5, 20
# Native runs before a difference is shown: what a timer of the kernel makes of one in a hundred has to come up. The acknowledgement of
# a FIN that is not read, an edge for who watches, comes 4 ms late, between any two lines.
RARE_RUNS, RARE_SECONDS = 600, 15


def explains(table, reason, program):
    """Whether a reason stands in a table, for such a program."""
    text = "\n".join(program)
    return any(reason.startswith(begin) and re.search(pattern, text) for begin, pattern in table.items())


def races(program):
    return any(line.split(" ", 1)[0].endswith(("+", "+~")) for line in program)


class Difference:
    """One, of a program under one supervisor.

    native, seen	outcomes, the native one being the nearest
    reasons		what reseat told of the run, if anything
    kind		known, told, or found
    used		entries of known.py
    outcomes		all that was found to be native
    """

    def __init__(self, who, program, native, seen, kind, reasons, used=(), outcomes=()):
        self.who = who
        self.program = program
        self.native = native
        self.seen = seen
        self.kind = kind
        self.reasons = reasons
        self.used = used
        self.outcomes = outcomes

    def lines(self):
        return [line for line in difflib.ndiff(self.native, self.seen) if line[0] in "+-"]

    def signature(self):
        """By which differences that look alike are told from others: the first line, without its names."""
        pair = next(iter(known.pairs(self.native, self.seen)), ("", ""))
        words = [known.call_of(line) for line in pair]
        return " / ".join([self.who.split()[0], *words])


class Judge:
    def __init__(self, native, exact=False):
        self.native = native
        self.exact = exact
        self.runs = 0

    def natives(self, program, outcomes, modes, wanted=None, seconds=float("inf")):
        """More native outcomes; no more than it takes to find the one that is wanted, nor begun after so many seconds."""
        until = time.monotonic() + seconds
        for mode in modes:
            if time.monotonic() > until:
                return
            outcomes.add(self.native.run(program, mode).lines)
            self.runs += 1
            if wanted in outcomes:
                return

    def first_natives(self, program):
        outcomes = set()
        self.natives(program, outcomes, [0, 1, 2] if races(program) else [0])
        return outcomes

    def judge(self, supervised, program, outcomes, outcome, again=True):
        """A Difference, or None. `outcomes` grows by what is found to be native."""
        difference = self.compare(supervised, program, outcomes, outcome, again)
        if not self.exact or (difference and difference.kind == "found"):
            return difference
        reasons = [reason for reason in self.reasons(supervised, outcome, not again) if not explains(STAYS, reason, program)]
        if not reasons:
            return difference
        seen = [*outcome.lines, *(f"approximate: {reason}" for reason in reasons)]
        return Difference(supervised.name, program, outcome.lines, seen, "found", reasons)

    def compare(self, supervised, program, outcomes, outcome, again):
        if outcome.lines in outcomes:
            return None
        orders = ORDERS if races(program) else [0] * 6
        self.natives(program, outcomes, orders, outcome.lines)
        if outcome.lines in outcomes:
            return None
        difference = self.classify(supervised, program, outcomes, outcome)
        if difference.kind == "found" and again:
            # Machines are busy: what is native has another chance to show, and the more often the rarer it is.
            self.natives(program, outcomes, orders * 3, outcome.lines)
            if outcome.lines in outcomes:
                return None
        return difference

    def is_rare(self, difference):
        """Whether what looks like a difference comes up natively after all; RARE_RUNS."""
        orders = ORDERS if races(difference.program) else [0]
        runs = itertools.islice(itertools.cycle(orders), RARE_RUNS if difference.outcomes else 0)
        self.natives(difference.program, difference.outcomes, runs, difference.seen, RARE_SECONDS)
        return difference.seen in difference.outcomes

    def classify(self, supervised, program, outcomes, outcome):
        nearest = min(outcomes, key=lambda lines: distance(lines, outcome.lines))
        used = known.explains(supervised.name, nearest, outcome.lines)
        if used:
            return Difference(supervised.name, program, nearest, outcome.lines, "known", [], used, outcomes)
        text = "\n".join(program)
        reasons = [reason for reason in self.reasons(supervised, outcome)
                   if all(re.search(pattern, text) for begin, pattern in TOLD.items() if reason.startswith(begin))]
        kind = "told" if reasons else "found"
        return Difference(supervised.name, program, nearest, outcome.lines, kind, reasons, (), outcomes)

    @staticmethod
    def reasons(supervised, outcome, wait=True):
        """Why connections of a run are approximate. The trace has a writer of its own, which may be late."""
        for _ in range(20 if wait else 1):
            records = supervised.records_of(outcome)
            found = {r.get("why") or "?" for r in records if r.get("verdict") == "approximate"}
            if found:
                return sorted(found)
            time.sleep(0.005)
        return []

    def differs(self, supervised, program, attempts=ATTEMPTS, outcomes=()):
        """A Difference of kind found in some of several runs, or None; with what is known to be native of that program already."""
        outcomes = set(outcomes) or self.first_natives(program)
        for attempt in range(attempts):
            mode = 0 if attempt < 3 else 10 + attempt
            difference = self.judge(supervised, program, outcomes, supervised.run(program, mode), again=False)
            if difference and difference.kind == "found":
                return difference
        return None


def distance(one, other):
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other))
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return len(one) + len(other) - 2 * sum(block.size for block in matcher.get_matching_blocks())
