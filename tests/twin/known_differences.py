# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences between a native run and a run under reseat, each with its reason.

scenarios	a shell pattern over program/scenario
policies	under which it occurs
native, reseat	regular expressions over a whole line of either output
approximate	reseat has to have said so: a record of the trace with verdict "approximate" and a reason
why		the reason

A difference that is not here is a failure. An entry that does not occur where it is listed is a failure
too, so the table does not outlive its reasons.
"""

KNOWN = [
    {
        "scenarios": "epoll/oneshot-spent-error",
        "policies": ("map", "netns"),
        "native": "spent quiet: yes",
        "reseat": "spent: 0xfeedf00dcafe0001 (IN )?ERR HUP.*",
        "approximate": True,
        "why": "EPOLL_CTL_ADD forces ERR and HUP: a spent one-shot item cannot be re-created from "
               "outside (docs/kernel-assumptions/oneshot-add.c)",
    },
]
