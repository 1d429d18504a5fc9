# SPDX-License-Identifier: GPL-2.0-or-later
"""The watch backends that the suites are run with, once for each.

BACKENDS in the environment lists them, "auto" for the one that reseat chooses by itself. By default they are all that
work here. With RESEAT_NO_SKIP=1 they are all that there are: what root misses is then a failure.
"""
import os
import subprocess
import sys

ALL = ("procfs", "bpf")
# Takes a kernel of the project's own, so nobody misses it elsewhere.
PATCHED = "kernel"
# Takes capabilities, which an ordinary user has not.
PRIVILEGED = ("bpf",)
VARIABLE = "RESEAT_WATCH_BACKEND"
# Set in the process of for_each().
CHOSEN = "RESEAT_TEST_BACKEND"
SKIPPED = 77


def option(name):
    """The arguments of `reseat run` that force it."""
    return [f"--watch-backend={name}"] if name != "auto" else []


def works(reseat, backend):
    """Whether a program can be run with it."""
    command = [reseat, "run", *option(backend), "--pass=10.0.0.0/8", "--", "true"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def chosen(reseat, user=False):
    """The names. user: for an ordinary one."""
    named = os.environ.get("BACKENDS", "").replace(",", " ").split()
    every = named or [*ALL, *([PATCHED] if works(reseat, PATCHED) else [])]
    if user or os.geteuid():
        return [name for name in every if name not in PRIVILEGED] or ["procfs"]
    if named or os.environ.get("RESEAT_NO_SKIP") == "1":
        return every
    return [name for name in every if name not in PRIVILEGED or works(reseat, name)]


def for_each(main, reseat, user=False):
    """Run a script's main(), in a process for each backend, which reseat finds in its environment. Ends this one."""
    if VARIABLE in os.environ or CHOSEN in os.environ:
        main()
        sys.exit()
    statuses = []
    for name in chosen(reseat, user):
        print(f"== watch backend {name}", file=sys.stderr, flush=True)
        environment = {**os.environ, CHOSEN: name, **({VARIABLE: name} if name != "auto" else {})}
        statuses.append(abs(subprocess.run([sys.executable, *sys.argv], env=environment).returncode))
    # Skipped, as a whole, where each is.
    sys.exit(max((status for status in statuses if status != SKIPPED), default=SKIPPED))
