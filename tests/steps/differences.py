# SPDX-License-Identifier: GPL-2.0-or-later
"""Outcomes that differ from every native one, and why: each has a row in docs/transparency.md.

programs	KIND/ACTION, with wildcards, of which one fits
points		those at which it occurs; all, if it is not there
policies	under which; all, if it is not there
backends	with which; all, if it is not there
native, reseat	regular expressions over a whole line of either, "NUMBER TEXT: RESULT"
row		the test that its row names
at_times	it need not occur: a moment after the hold
"""
import fnmatch
import pathlib
import re
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "random"))
from known import pairs  # noqa: E402, F401

BEFORE_PUT = ("seen", "looked", "made", "putting", "compared")
ANY = r".*"

KNOWN = [
    {
        "programs": ("*/ctl-add", "*/ctl-mod", "*/ctl-del"),
        "points": ("put", "started", "adding"),
        "backends": ("procfs", "bpf"),
        "native": r"open .*eventpoll.*|.* (epoll_ctl|items|epoll_wait) .*",
        "reseat": r"open .*eventpoll.*|.* (epoll_ctl|items|epoll_wait) .*",
        "row": "steps/ctl-*",
        "why": "the number names the replacement, which has no items yet",
    },
    {
        "programs": ("duplicate/ctl-add", "duplicate/ctl-mod", "duplicate/ctl-del"),
        "points": ("putting", "compared"),
        "backends": ("procfs", "bpf"),
        "native": r"open .*eventpoll.*|.* (epoll_ctl|items|epoll_wait) .*",
        "reseat": r"open .*eventpoll.*|.* (epoll_ctl|items|epoll_wait) .*",
        "row": "steps/ctl-*",
        "why": "likewise, while the second number is replaced",
    },
    {
        "programs": ("*/epoll-wait",),
        "points": ("added", "removing"),
        "backends": ("procfs", "bpf"),
        "native": r"\d+ 1 epoll_wait b 16 -1: .*",
        "reseat": r"\d+ 1 epoll_wait b 16 -1: .*",
        "row": "steps/epoll-wait",
        "why": "items of the old socket go when those of the new one are there",
    },
    {
        "programs": ("duplicate/exec",),
        "points": ("putting", "compared", "put"),
        "backends": ("procfs", "bpf"),
        "native": r"open .*|.* (epoll_wait .*|send d .*)|rest of A: .*",
        "reseat": r"open .*|.* (epoll_wait .*|send d .*)|rest of A: .*",
        "row": "steps/exec",
        "why": "whose call is gone can be given no other file, so its second number keeps the old one",
    },
    {
        "programs": ("*/close", "*/dup2"),
        "points": ("compared",),
        "backends": ("procfs", "bpf"),
        "native": ANY,
        "reseat": ANY,
        "row": "race/*",
        "why": "ADDFD compares nothing",
    },
    {
        "programs": ("*/shutdown", "*/shutdown-send"),
        "points": ("received", "duplicated", *BEFORE_PUT),
        "native": r".* (epoll_wait|poll|send|recv) .*|rest of A: .*",
        "reseat": r".* (epoll_wait|poll|send|recv) .*|rest of A: .*",
        "row": "random/datagram-shut-write",
        "why": "shutdown(2) before connect fails, and has its effect; for sending nothing tells of it, nor for receiving after the look",
    },
    {
        "programs": ("refused-blocking/shutdown",),
        "native": r".* (epoll_wait|poll) .*",
        "reseat": r".* (epoll_wait|poll) .*",
        "row": "random/datagram-shut-write",
        "why": "likewise, before the second connect of the program",
    },
    {
        "programs": ("silent/shutdown", "silent/shutdown-send"),
        "points": ("answering",),
        "native": r".* (connect|shutdown|epoll_wait|poll) .*",
        "reseat": r".* (connect|shutdown|epoll_wait|poll) .*",
        "row": "random/shutdown-while-connecting",
        "why": "the program's own connect comes after the replacement's, which is undone",
        "at_times": True,
    },
    {
        "programs": ("silent/flags",),
        "points": ("answering",),
        "native": r".* connect .*: EINPROGRESS",
        "reseat": r".* connect .*: EALREADY",
        "row": "steps/flags",
        "why": "the program's own connect comes after the replacement's",
        "at_times": True,
    },
    {
        "programs": ("*/cloexec",),
        "points": ("putting", "compared"),
        "native": r"open .* socket",
        "reseat": r"open .* socket",
        "row": "random/setting-while-connecting",
        "why": "it is read before ADDFD, which sets it",
    },
    {
        "programs": ("listen/connect",),
        "policies": ("map",),
        "native": r".* listen a 4: EINVAL",
        "reseat": r".* listen a 4: 0",
        "row": "steps/listen",
        "why": "the program's own listen comes after the answer, while the other thread's connect is a swap",
        "at_times": True,
    },
    {
        "programs": ("*/option",),
        "points": BEFORE_PUT,
        "native": r".* getsockopt a tcp_nodelay: 0 01000000",
        "reseat": r".* getsockopt a tcp_nodelay: 0 00000000",
        "row": "random/setting-while-connecting",
        "why": "options are copied when the replacement is made",
    },
]


def applies(entry, name, point, who):
    policy, _, backend = who.partition(" ")
    return (any(fnmatch.fnmatch("/".join(name), pattern) for pattern in entry["programs"]) and
            point[0] in entry.get("points", point) and
            policy in entry.get("policies", (policy,)) and backend in entry.get("backends", (backend,)))


def explains(name, point, who, native, seen):
    """The entries, by their indices, that explain each line that differs; empty if some is not."""
    entries = [(i, entry) for i, entry in enumerate(KNOWN) if applies(entry, name, point, who)]
    used = set()
    for old, new in pairs(native, seen):
        found = {i for i, entry in entries if re.fullmatch(entry["native"], old) and re.fullmatch(entry["reseat"], new)}
        if not found:
            return set()
        used |= found
    return used


def unused(used, policies, names):
    """A line for each entry that did not occur where it could."""
    rows = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "transparency.md").read_text()
    lost = [f"{entry['row']} is in no row of docs/transparency.md" for entry in KNOWN if f"`{entry['row']}`" not in rows]
    return lost + [f"a known difference that does not occur any more: {' '.join(entry['programs'])}: {entry['why']}"
            for i, entry in enumerate(KNOWN) if i not in used and not entry.get("at_times") and
            set(entry.get("policies", policies)) & set(policies) and set(entry.get("backends", names)) & set(names)]
