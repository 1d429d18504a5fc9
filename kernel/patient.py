# SPDX-License-Identifier: GPL-2.0-or-later
"""Patience for the kernel's own tests, on a debugging kernel that is emulated.

The harness gives a test 30 seconds. Some of them do 100,000 rounds, or 2000 notifications, which takes longer there. And a
processor that is emulated on a busy computer can stand still for the second that epoll59 waits; an event that is lost does
not come later either.
"""
import subprocess

TIMES = 20
LIBRARY = f"""
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

int epoll_wait(int ep, struct epoll_event *events, int count, int timeout)
{{
	return syscall(SYS_epoll_wait, ep, events, count, timeout < 1000 ? timeout : {TIMES} * timeout);
}}

unsigned int alarm(unsigned int seconds)
{{
	struct itimerval old, new = {{ .it_value.tv_sec = {TIMES} * (time_t)seconds }};

	setitimer(ITIMER_REAL, &new, &old);
	return old.it_value.tv_sec;
}}
"""


# What a test program begins with, in a machine whose share has had build().
BEFORE = "env LD_PRELOAD=$SHARE/patient.so "


def build(folder):
    """Builds what is preloaded."""
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-x", "c", "-o", folder / "patient.so", "-"], input=LIBRARY.encode(),
                   check=True)
