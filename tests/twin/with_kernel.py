# SPDX-License-Identifier: GPL-2.0-or-later
"""What the `kernel` backend makes exact: each line is checked with it, and that it is not so with the others.

EXACT		scenarios whose connects others call approximate, all of them or some; none with `kernel`
NEVER		notes of a scenario, with a number in parentheses that has to be 0 with `kernel`: others have a bound there
		(natively all of these are 0)
"""
import fnmatch
import re

BACKEND = "kernel"

EXACT = {
    "epoll/oneshot-spent": "a one-shot item that has fired",
    "epoll/oneshot-spent-error": "a one-shot item that has fired, and would report an error",
    "fastopen/deferred-beside-thread": "an edge-triggered item, and a connect that waits for the first send, in a blocking socket "
                                       "that others see",
    "fastopen/deferred-blocking": "the same, in a blocking socket",
    "fastopen/deferred-nonblocking": "the same, in one that is not",
    "udp/edge": "an edge-triggered item that has told already that a datagram socket can be written to",
    "waiters/expires-anew-read-only": "a select whose timeout is in memory that cannot be written",
    "waiters/own-filter": "a poll under filters that may forbid it to begin again",
    "waiters/traced": "a traced thread in poll",
}

NEVER = {
    "race/close-reuse": (r"files destroyed: (\d+) of", r"sockets put where nothing was: (\d+) of"),
    "race/control-*": (r"failed during connect: (\d+)", r"items lost: (\d+) of", r"items left or doubled: (\d+) of",
                       r"epoll_ctl failed after connect: (\d+) of"),
    "race/dup": (r"duplicates put where nothing was: (\d+) of",),
    "race/told-*": (r"refused during the call: (\d+) of",),
    "ending/storm-nonblocking": (r"interrupted: (\d+) of",),
}


def is_exact(label):
    """Whether the scenario is one of EXACT."""
    return label in EXACT


def count_complains(verdicts, cases, backend):
    """What is wrong with a run of all of EXACT by one backend: a list of lines.

    verdicts: "exact" or "approximate", by (label, policy); cases: those that were to be run.
    """
    wanted = "exact" if backend == BACKEND else "approximate"
    count = sum(verdict == wanted for verdict in verdicts.values())
    wrong = [f"{name} was not run" for name in EXACT if name not in {name for name, _ in cases}]
    if count != len(cases):
        wrong.append(f"{count} {wanted} of {len(cases)}")
    return wrong


def notes_complain(label, notes, backend):
    """What is wrong with the notes of a scenario: a list of lines."""
    if backend != BACKEND:
        return []
    wrong = []
    for pattern, wanted in NEVER.items():
        for text in wanted if fnmatch.fnmatch(label, pattern) else ():
            found = [match[1] for note in notes for match in [re.search(text, note)] if match]
            if not found:
                wrong.append(f"no note: {text}")
            wrong += [f"with {BACKEND} not 0: {text}: {number}" for number in found if number != "0"]
    return wrong
