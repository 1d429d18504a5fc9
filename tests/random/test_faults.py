#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""That random twins find a fault, and shrink it: a supervisor that has one (forgetful.c) is compared instead of reseat.

    test_faults.py --interpret build/tests/random/interpret --forgetful build/tests/random/forgetful

For each fault the run has to find it with any seed, and to show it in a few lines that have to do with it.
"""
import argparse
import pathlib
import random
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
from slow import slowly  # noqa: E402

SKIPPED = 77
# What the programs that show it have to contain, and how many lines the shortest may have.
FAULTS = {
    "items": (r"epoll_ctl \w add (.*\n)*.*connect ", 6),
    "flags": (r"nonblock.*\n(.*\n)*.*connect ", 4),
}


def found(options, fault, directory):
    """The programs that were kept, and what the run said."""
    done = subprocess.run(
        [sys.executable, HERE / "run", "--interpret", options.interpret, "--supervisor",
         f"{pathlib.Path(options.forgetful).resolve()} {fault}", "--count", "150", "--seconds", str(slowly(20)),
         "--shrink", "20", "--looks", "4", "--keep", directory, "--seed", str(options.seed)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=slowly(200))
    programs = ["\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
                for path in pathlib.Path(directory).iterdir()]
    return done, programs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interpret", required=True)
    parser.add_argument("--forgetful", required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    failed = False
    for fault, (pattern, lines) in FAULTS.items():
        with tempfile.TemporaryDirectory(prefix="faults.") as directory:
            done, programs = found(options, fault, directory)
        if done.returncode == SKIPPED:
            sys.exit(SKIPPED)
        right = [p for p in programs if re.search(pattern, p) and p.count("\n") < lines]
        print(f"{fault}: {len(programs)} programs were kept, {len(right)} show it in at most {lines} lines")
        if done.returncode != 1 or not right:
            failed = True
            print(done.stdout, done.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
