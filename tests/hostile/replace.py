#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Another thread closes and reuses the very number that a socket is about to be put over.

    replace.py --reseat build/reseat PROGRAM

PROGRAM is race, whose helper close-reuse-asleep makes 3000 such connects: a thread sleeps for some of the time that one takes,
and reuses the number then. All of it has one processor, so the thread runs just when the supervisor waits for ADDFD, and a comparison
before that is late in one connect of a few. Where the kernel itself compares, as `reseat check` says, the backend that lets it must
destroy no file, nor put a socket where nothing was. Whoever compares from outside destroys some, or the race is none.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import backends  # noqa: E402
from slow import slowly  # noqa: E402

COMPARES = re.compile(r"^ADDFD compares .* yes$", re.MULTILINE)
COUNTED = re.compile(r"^(\d+) destroyed, (\d+) strays$", re.MULTILINE)
SWAPPED = re.compile(r'"how": *"swap"')
TIMEOUT = slowly(60)
ROUNDS = 4


def race(reseat, program, backend):
    """How many files were destroyed, sockets put where nothing was, connects swapped."""
    with tempfile.TemporaryDirectory(prefix="reseat-replace-") as folder:
        trace = os.path.join(folder, "trace")
        done = subprocess.run([reseat, "run", *backends.option(backend), "--map", "127.0.0.0/8=::ffff:0:0/96", "--trace=json",
                               "--trace-output", trace, "--", program, "--helper", "close-reuse-asleep"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT)
        destroyed, strays = map(int, COUNTED.search(done.stdout).groups())
        return destroyed, strays, len(SWAPPED.findall(pathlib.Path(trace).read_text()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reseat", required=True, help="the program under test")
    parser.add_argument("program")
    # Those who select scenarios, which this has none of, pass arguments for that.
    options, _ = parser.parse_known_args()
    # The first one has more to do besides.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    check = subprocess.run([options.reseat, "check"], stdout=subprocess.PIPE, text=True).stdout
    kernel_compares = bool(COMPARES.search(check))
    names = [name for name in backends.ALL if backends.works(options.reseat, name)]
    wrong = 0
    for number, name in enumerate(names, 1):
        exact = kernel_compares and name == "bpf"
        # An emulated processor seldom changes threads in that very moment: several times then.
        for _ in range(1 if exact else ROUNDS):
            destroyed, strays, swapped = race(options.reseat, options.program, name)
            if destroyed:
                break
        # Where the kernel compares and that moment was not met without it, its absence shows less, and is no fault.
        good = swapped > 0 and (destroyed == strays == 0 if exact else destroyed > 0 or kernel_compares)
        wrong += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}, compared {'in the kernel' if exact else 'before ADDFD'}: "
              f"{destroyed} of 3000 files destroyed, {strays} sockets put where nothing was, {swapped} swapped", flush=True)
    print(f"1..{len(names)}")
    return 1 if wrong or not names else 0


if __name__ == "__main__":
    sys.exit(main())
