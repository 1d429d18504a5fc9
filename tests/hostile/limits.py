#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`reseat run` under few descriptors or processes: it works, or says why not; it never hangs and leaves nobody.

    limits.py --reseat build/reseat PROGRAM...

Every scenario named below runs under a hard RLIMIT_NOFILE of each size, for reseat and its target
both. What is allowed: the native output; a connect that fails with EMFILE or ENFILE where the
native one did not; reseat refusing to start (exit status 125) with a message. The native run under
the same limit has to work, else the size is left out.

For root, who can become such a user: what takes all processes that an ordinary user may have
(RLIMIT_NPROC), with the native output.
"""

import argparse
import functools
import itertools
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "twin"))
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import backends  # noqa: E402
import surroundings  # noqa: E402

SIZES = (6, 8, 10, 12, 14, 16, 20, 24, 32, 64)
SCENARIOS = {"connect": ("ok", "many"), "epoll": ("edge", "several")}
# Each takes what is there, after its first connect.
TAKES_PROCESSES = {"blocking": ("sndtimeo-processes",)}
PROCESSES = 30
USER = 48000 + os.getpid() % 1000  # whose processes all are of this test
MAP = ["--map", "0.0.0.0/0=::ffff:0:0/96", "--map", "127.0.0.0/8=::ffff:0:0/96"]
TIMEOUT = surroundings.slowly(60)
REFUSED = 125


def limit_files(size):
    resource.setrlimit(resource.RLIMIT_NOFILE, (size, size))


def limit_processes():
    resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)


def run(command, limit):
    """(status, output, errors, complaints) of a command under a limit."""
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


def try_sizes(reseat, program, name, report, chosen):
    """A line for each test, and what is wrong with it, under few descriptors."""
    for size in SIZES:
        native = run([program, name, report], functools.partial(limit_files, size))
        if native[0]:
            continue
        for backend in chosen:
            seen = run([reseat, "run", *MAP, *backends.option(backend), "--", program, name, report],
                       functools.partial(limit_files, size))
            yield f"{os.path.basename(program)}/{name} {backend} with {size} descriptors", judge(native, seen)


def try_processes(reseat, program, name, directory):
    """The same where there cannot be more processes."""
    # The tree need not be accessible to others.
    os.chmod(directory, 0o777)
    reseat, program = (shutil.copy(path, directory) for path in (reseat, program))
    report = os.path.join(directory, "report-of-user")
    native = run([program, name, report], limit_processes)
    yield f"{os.path.basename(program)}/{name} natively", [] if "EAGAIN" in native[1] else native[1:3]
    for model in ("in-place", "front"):
        status, out, errors, wrong = run([reseat, "run", f"--process-model={model}", *MAP, "--", program, name, report],
                                         limit_processes)
        if (status, out) != native[:2]:
            wrong = [*wrong, f"exit status {status}", *out.splitlines(), *errors.splitlines()]
        yield f"{os.path.basename(program)}/{name} {model} with {PROCESSES} processes", wrong


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
            tests = [try_sizes(reseat, program, name, os.path.join(directory, "report"), chosen)
                     for name in SCENARIOS.get(base, ())]
            if os.geteuid() == 0:
                tests += [try_processes(reseat, program, name, directory) for name in TAKES_PROCESSES.get(base, ())]
            for what, wrong in itertools.chain(*tests):
                number += 1
                failed += bool(wrong)
                print(f"{'not ok' if wrong else 'ok'} {number} - {what}")
                for line in wrong:
                    print(f"#   {line}")
                sys.stdout.flush()
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
