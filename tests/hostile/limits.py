#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`reseat run` under few descriptors: it works, or says why not; it never hangs and leaves nobody.

    limits.py --reseat build/reseat PROGRAM...

Every scenario named below runs under a hard RLIMIT_NOFILE of each size, for reseat and its target
both. What is allowed: the native output; a connect that fails with EMFILE or ENFILE where the
native one did not; reseat refusing to start (exit status 125) with a message. The native run under
the same limit has to work, else the size is left out.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "twin"))
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import backends  # noqa: E402
import surroundings  # noqa: E402

SIZES = (6, 8, 10, 12, 14, 16, 20, 24, 32, 64)
SCENARIOS = {"connect": ("ok", "many"), "epoll": ("edge", "several")}
MAP = ["--map", "0.0.0.0/0=::ffff:0:0/96", "--map", "127.0.0.0/8=::ffff:0:0/96"]
TIMEOUT = surroundings.slowly(60)
REFUSED = 125


def run(command, size):
    """(status, output, errors, complaints) of a command under a limit."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (size, size))

    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True,
                               preexec_fn=limit)
    wrong = []
    try:
        out, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        wrong = [f"not done after {TIMEOUT} s", *surroundings.describe()]
        surroundings.kill_all()
        out, errors = process.communicate()
    wrong += surroundings.leftovers()
    return process.returncode, out, errors, wrong


def judge(native, seen):
    """What is wrong with a run, given the native one: a list of lines."""
    status, out, errors, wrong = seen
    if wrong:
        return wrong
    if status == REFUSED:
        return [] if errors.strip() else ["refused to start without a word"]
    if (status, out) == native[:2]:
        return []
    if "EMFILE" in out or "ENFILE" in out:
        return []
    return [f"exit status {status}", *out.splitlines(), *errors.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reseat", default=os.environ.get("RESEAT"))
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    if not options.reseat:
        parser.error("name the program with --reseat or RESEAT")
    reseat = os.path.abspath(options.reseat)
    try:
        surroundings.become_subreaper()
        surroundings.enter()
    except surroundings.Missing as missing:
        failed = os.environ.get("RESEAT_NO_SKIP") == "1"
        print(f"1..1\nnot ok 1 - surroundings # {missing}" if failed else f"1..0 # SKIP {missing}")
        return int(failed)
    chosen = backends.chosen(reseat)
    number = failed = 0
    with tempfile.TemporaryDirectory(prefix="limits.") as directory:
        for program in map(os.path.abspath, options.programs):
            base = os.path.basename(program)
            for name in SCENARIOS[base]:
                for size in SIZES:
                    report = os.path.join(directory, "report")
                    native = run([program, name, report], size)
                    if native[0]:
                        continue
                    for backend in chosen:
                        wrong = judge(native, run([reseat, "run", *MAP, *backends.option(backend), "--", program,
                                                   name, report], size))
                        number += 1
                        failed += bool(wrong)
                        print(f"{'not ok' if wrong else 'ok'} {number} - {base}/{name} {backend} with {size} "
                              "descriptors")
                        for line in wrong:
                            print(f"#   {line}")
                        sys.stdout.flush()
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
