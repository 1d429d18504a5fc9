# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel, or a leg of `check`, lacks, so that tests which ask for it cannot run there.

A test says in its skip what is missing; each reason stands here, with the kernels that lack it. A skip for any other
reason, or on a kernel that should have the thing, is a failure: nothing is left out silently.
"""
import re

# (what a test says that it misses, the first version that has it)
SINCE = [
    (r"Landlock with network rules", (6, 7)),
    (r"PIDFD_THREAD", (6, 9)),
]

# What an ordinary user lacks on every kernel.
USER = [
    r"CAP_BPF",
    r"CAP_CHOWN",
    r"CAP_SYS_ADMIN: errno 1",
]


def not_here(reason, version, as_root):
    """Whether a skip's reason is a fact about a kernel of this version, or about an ordinary user."""
    reason = reason or ""
    return (any(re.search(text, reason) and version < since for text, since in SINCE) or
            not as_root and any(re.search(text, reason) for text in USER))
