# SPDX-License-Identifier: GPL-2.0-or-later
"""Which watch backends can be measured here."""
import subprocess

from common.stats import BenchError


def why_not(reseat, name):
    """Why a backend does not work, found by using it; None: it does."""
    # A rule for an address that nobody uses (RFC 5737).
    done = subprocess.run([reseat, "run", f"--watch-backend={name}", "--pass=192.0.2.1", "--", "true"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return lines[-1].removeprefix("reseat: ") if lines else f"exit status {done.returncode}"


def working(reseat, names):
    """Return: those that work; and of the others why not."""
    reasons = {name: why_not(reseat, name) for name in names}
    works = [name for name, reason in reasons.items() if reason is None]
    left_out = {name: reason for name, reason in reasons.items() if reason is not None}
    if not works:
        raise BenchError("no watch backend works here: " +
                         "; ".join(f"{name}: {reason}" for name, reason in left_out.items()))
    return works, left_out


def beside_procfs(names):
    """Those that aims about the cost of a swap are for: procfs works everywhere, and is not quick."""
    return [name for name in names if name != "procfs"]
