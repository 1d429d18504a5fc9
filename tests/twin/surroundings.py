# SPDX-License-Identifier: GPL-2.0-or-later
"""The surroundings of a scenario: a network namespace of its own, and nobody left behind.

The runner itself moves into a new network namespace and becomes a child subreaper. Whatever a scenario
or reseat starts, however it detaches, ends up as a child of the runner, so that "no process is left
behind" is exactly waitpid(2) saying ECHILD.

    lo  127.0.0.1/8  ::1/128
        198.51.100.1/24  2001:db8::1/64      local as a whole, like 127.0.0.0/8
        64:ff9b::198.51.100.0/120            what a NAT64 would make of the former, local as well
    no default route: 203.0.113.0/24 is unreachable
"""

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from slow import slowly  # noqa: E402

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_CHILD_SUBREAPER = 36

ADDRESSES = ("198.51.100.1/24", "2001:db8::1/64", "64:ff9b::c633:6401/128",
             "64:ff9b::c633:6402/128")
# How long processes may take to go away once the program has ended, in seconds.
GRACE = slowly(10)

libc = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    """This machine or user lacks what the text names."""


def _call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)


def _unshare():
    try:
        _call("unshare", CLONE_NEWNET)
        return
    except OSError as error:
        if error.errno != errno.EPERM:
            raise Missing(f"a network namespace: {error}") from error
    uid, gid = os.getuid(), os.getgid()
    try:
        _call("unshare", CLONE_NEWUSER | CLONE_NEWNET)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {uid} 1")
        _write("/proc/self/gid_map", f"0 {gid} 1")
    except OSError as error:
        raise Missing(f"a user namespace, or root: {error}") from error


def enter():
    """Move this process into a network namespace of its own, and set it up."""
    if not shutil.which("ip", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        raise Missing("ip (package iproute2)")
    _unshare()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # Clients and servers of TCP Fast Open.
    _write("/proc/sys/net/ipv4/tcp_fastopen", "3")
    # No error is held back because there were many, anywhere on this machine (icmp_global_allow()).
    _write("/proc/sys/net/ipv4/icmp_ratemask", "0")
    _write("/proc/sys/net/ipv6/icmp/ratemask", "\n")
    commands = [["ip", "link", "set", "lo", "up"]]
    for address in ADDRESSES:
        options = ["nodad"] if ":" in address else []
        commands.append(["ip", "address", "add", address, "dev", "lo", *options])
    commands.append(["ip", "route", "add", "local", "64:ff9b::c633:6400/120", "dev", "lo"])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Missing(f"{' '.join(command)}: {done.stderr.strip()}")


def become_subreaper():
    _call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def descendants():
    """(pid, state, name) of everything below this process."""
    parents = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        text = _read(f"/proc/{entry}/stat")
        if text:
            name = text[text.index("(") + 1:text.rindex(")")]
            state, parent = text[text.rindex(")") + 2:].split()[:2]
            parents[int(entry)] = (int(parent), state, name)
    found, below = [], {os.getpid()}
    grown = True
    while grown:
        grown = False
        for pid, (parent, state, name) in parents.items():
            if parent in below and pid not in below:
                below.add(pid)
                found.append((pid, state, name))
                grown = True
    return found


def describe():
    """Where every thread of every descendant is, for a report about one that hangs."""
    lines = []
    for pid, state, name in descendants():
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            threads = []
        for thread in threads:
            where = f"/proc/{pid}/task/{thread}"
            call = _read(f"{where}/syscall").split() or ["?"]
            lines.append(f"{name} {pid}/{thread} {state}: system call {call[0]}, "
                         f"{_read(f'{where}/wchan') or '?'}")
    return lines


def kill_all():
    """End every descendant, and reap it."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        for pid, _, _ in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if _reap():
            return
        time.sleep(0.01)


def _reap():
    """Reap what has ended. Whether no child is left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if not pid:
            return False


def leftovers():
    """Wait for every descendant to end; what has not ended within the grace, killed afterwards."""
    deadline = time.monotonic() + GRACE
    while not _reap():
        if time.monotonic() > deadline:
            left = [f"process left behind: {line}" for line in describe()]
            kill_all()
            return left or ["process left behind"]
        time.sleep(0.002)
    return []
