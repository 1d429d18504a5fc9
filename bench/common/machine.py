# SPDX-License-Identifier: GPL-2.0-or-later
"""What the figures were taken on."""
import datetime
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def git_describe():
    done = subprocess.run(["git", "--no-optional-locks", "-C", HERE, "describe", "--always",
                           "--dirty", "--tags"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return os.uname().machine


def autogroup():
    """Whether sessions are groups to the scheduler, which makes switching between them dearer."""
    try:
        with open("/proc/sys/kernel/sched_autogroup_enabled", encoding="utf-8") as value:
            return int(value.read())
    except OSError:
        return None


def facts():
    return {
        "kernel": os.uname().release,
        "cores": os.cpu_count(),
        "processor": processor(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "git": git_describe(),
        "autogroup": autogroup(),
    }
