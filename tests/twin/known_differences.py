# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences between a native run and a run under reseat, each with its reason.

scenarios	a shell pattern over program/scenario
policies	under which it occurs
native, reseat	regular expressions over a whole line of either output
approximate	reseat has to have said so: a record of the trace with verdict "approximate" and a reason
why		the reason
ends		backends with which it does not occur

A difference that is not here is a failure. An entry that does not occur where it is listed is a failure
too, so the table does not outlive its reasons.
"""

EDGE = ("EPOLL_CTL_ADD looks at the socket: an edge-triggered item reports once more that it can be written "
        "to, where native connect, which is over at once, reports nothing")
ANEW = ("how long the thread has waited already is nowhere to be read, so its timeout begins anew when it is made to "
        "wait on the new socket")

KNOWN = [
    {
        "scenarios": "udp/edge",
        "policies": ("map", "netns"),
        "native": "connected quiet: yes",
        "reseat": "connected: 0xfeedf00dcafe0001 OUT",
        "approximate": True,
        "why": EDGE,
        "ends": ("kernel",),
    },
    {
        "scenarios": "fastopen/deferred-*",
        "policies": ("map", "netns"),
        "native": "connected quiet: yes",
        "reseat": "connected: 0xfeedf00dcafe0001 OUT",
        "approximate": True,
        "why": EDGE,
        "ends": ("kernel",),
    },
    {
        "scenarios": "udp/edge-outside",
        "policies": ("map", "netns"),
        "native": "connected quiet: yes",
        "reseat": "connected: 0x7 IN",
        "approximate": False,
        "why": "EPOLL_CTL_ADD tells whoever watches the instance that there is something ready in it, also where there was before",
        "ends": ("kernel",),
    },
    {
        "scenarios": "epoll/oneshot-spent-error",
        "policies": ("map", "netns"),
        "native": "spent quiet: yes",
        "reseat": "spent: 0xfeedf00dcafe0001 (IN )?ERR HUP.*",
        "approximate": True,
        "why": "EPOLL_CTL_ADD forces ERR and HUP: a spent one-shot item cannot be re-created from "
               "outside (docs/kernel-assumptions/oneshot-add.c)",
        "ends": ("kernel",),
    },
    {
        "scenarios": "option-table/tcp4-ip",
        "policies": ("netns",),
        "native": r"IP_MULTICAST_ALL connected: 00000000 \(4\)",
        "reseat": r"IP_MULTICAST_ALL connected: 01000000 \(4\)",
        "approximate": False,
        "why": "on a TCP socket, where it has no effect, it is reseat's own mark (src/socket/present.h)",
    },
    {
        "scenarios": "option-table/???4-untouched",
        "policies": ("map",),
        "native": "(UDP|TCP).* untouched: EOPNOTSUPP",
        "reseat": "(UDP|TCP).* untouched: ENOPROTOOPT",
        "approximate": False,
        "why": "a level that the socket does not have at all: families name that differently, and "
               "getsockopt(2) is not trapped for it",
    },
    {
        "scenarios": "waiters/expires-anew-receive",
        "policies": ("map", "netns"),
        "native": ".* in time: yes",
        "reseat": ".* in time: no, begun anew",
        "approximate": True,
        "why": ANEW,
    },
    {
        "scenarios": "waiters/expires-anew-read-only",
        "policies": ("map", "netns"),
        "native": ".* in time: yes",
        "reseat": ".* in time: no, begun anew",
        "approximate": True,
        "why": ANEW,
        "ends": ("kernel",),
    },
    {
        "scenarios": "waiters/traced",
        "policies": ("map", "netns"),
        "native": "before its time: yes",
        "reseat": "before its time: no",
        "approximate": True,
        "why": "a thread has one tracer at most, so one that is traced cannot be made to wait on the new socket",
        "ends": ("kernel",),
    },
    {
        "scenarios": "waiters/several-begun",
        "policies": ("map", "netns"),
        "native": "recvmmsg of two: 2",
        "reseat": "recvmmsg of two: 1",
        "approximate": True,
        "why": "an interrupted recvmmsg(2) returns what it has already",
    },
    {
        "scenarios": "waiters/several-begun",
        "policies": ("map", "netns"),
        "native": "data: two",
        "reseat": "data: one",
        "approximate": True,
        "why": "the same",
    },
    {
        "scenarios": "far/blocking-unreachable",
        "policies": ("nat64",),
        "native": "poll: 1 OUT ERR HUP",
        "reseat": "poll: 1 OUT HUP",
        "approximate": False,
        "why": "an IPv4 socket has the ICMP error that ended a connect in its error queue, asked for or not, and says ERR for "
               "as long as that is there; an IPv6 one only if asked (tcp_v4_err(), ipv6_icmp_error())",
    },
]
