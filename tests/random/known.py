# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that differ for a reason that reseat does not tell of, each as docs/transparency.md repeats it.

traces		a regular expression that is found in what the program sees natively
policies	under which it occurs
backends	with which ones; all, if it is not there
native, reseat	regular expressions over a whole line of either, "NUMBER TEXT: RESULT"
row		the test that its row in docs/transparency.md names
why		the reason
follows		what comes after it follows from it, and is not looked at
rare		it depends on time, so no case can be asked to show it
"""
import difflib
import re

EVERY = ("netns", "map")
# Between two calls, and a call by another actor at the same time.
THEN = r".*\n(?:.*\n)*\d+ \S+ (?:\w = )?"
BESIDE = r".*\n(?:.*\n)?\d+ \S+ "

KNOWN = [
    {
        "traces": r"inet6 dgram" + THEN + r"connect (\w) six:" + THEN + r"connect \1 map:",
        "policies": EVERY,
        "native": r".* (getsockname|recv|recvfrom|read|send|write|poll|select|epoll_wait|getsockopt) .*|",
        "reseat": r".* (getsockname|recv|recvfrom|read|send|write|poll|select|epoll_wait|getsockopt) .*|",
        "row": "random/datagram-other-family",
        "why": "a datagram socket that was connected over IPv6, and then to an IPv4 peer, tells its IPv6 address natively, "
               "and hears neither answers nor errors; its replacement does",
    },
    {
        "traces": r"dgram" + THEN + r"connect (\w) \S+/" + THEN + r"connect \1 \S+/0:",
        "policies": ("map",),
        "native": r".* (send|write|poll|select|epoll_wait|getsockopt|recv|recvfrom|read) .*",
        "reseat": r".* (send|write|poll|select|epoll_wait|getsockopt|recv|recvfrom|read) .*",
        "row": "random/datagram-no-port-again",
        "why": "IPv4 sends to port 0, IPv6 says EINVAL; a socket that was swapped before is IPv6 already",
    },
    {
        "traces": r"dgram" + THEN + r"connect \w unspec",
        "policies": EVERY,
        "native": r".* getsockname .*: 0 (0\.0\.0\.0|\[::\])/(0|some) length \d+",
        "reseat": r".* getsockname .*: 0 (0\.0\.0\.0|127\.0\.0\.1|\[::\S*\])/some length \d+",
        "row": "random/datagram-keeps-port",
        "why": "whether a datagram socket has its address and port from bind(2), or from an earlier send or connect, nobody "
               "tells, so its replacement is bound to them, and keeps them over a disconnect",
    },
    {
        "traces": rf"(shutdown \w \w+: ENOTCONN|dgram{THEN}shutdown \w wr: 0){THEN}connect ",
        "policies": EVERY,
        "native": r".* (send|write) .*: EPIPE|.* (poll|select|epoll_wait) .*|rest of .*|",
        "reseat": r".* (send|write) .*: \d+|.* (poll|select|epoll_wait) .*|rest of .*|",
        "row": "random/datagram-shut-write",
        "why": "shutdown(2) for sending before connect fails, and has its effect; nothing tells of it",
    },
    {
        "traces": r"bind \w \S+/0: 0" + THEN + r"connect ",
        "policies": EVERY,
        "native": r".* (bind .*: (0|EADDRINUSE)|getsockname .*: 0 \S+/\w+ length \d+)|(.* accept: accepted|rest of connections:) \S+/\w+ length .*",
        "reseat": r".* (bind .*: EINVAL|getsockname .*: 0 \S+/some length \d+)|(.* accept: accepted|rest of connections:) \S+/some length .*",
        "row": "bound/given-back",
        "why": "a port from bind(..., 0) stays held after a refused connect: whether the program chose it nobody tells",
    },
    {
        "traces": r"stream" + THEN + r"connect \w " + THEN + r"connect \w \S*far/",
        "policies": EVERY,
        "native": r".* getsockname .*: 0 (0\.0\.0\.0|\[::\S*\])/some length \d+",
        "reseat": r".* getsockname .*: 0 (0\.0\.0\.0|\[::\S*\])/0 length \d+",
        "row": "random/refused-then-unreachable",
        "why": "a port that a refused connect gave back is still told natively, until the next connect; whether a socket "
               "still has it takes a bind(2) to know, after which it is told no more",
    },
    {
        "traces": r" epoll_wait \w 1 ",
        "policies": EVERY,
        "backends": ("procfs", "bpf"),
        "native": r".* epoll_wait \w 1 -?\d+: 1 \d+:\S+",
        "reseat": r".* epoll_wait \w 1 -?\d+: 1 \d+:\S+",
        "row": "random/epoll-order",
        "why": "the order of several events in epoll_wait(2) is that in which items became ready, and items that follow are "
               "new ones",
    },
    {
        "traces": rf"\+~? (connect {BESIDE}shutdown|shutdown {BESIDE}connect) ",
        "policies": EVERY,
        "native": r".*",
        "reseat": r".*",
        "row": "random/shutdown-while-connecting",
        "why": "shutdown(2) by another thread between the replacement's connect and the program's own, which waits for it, "
               "meets a socket that connects, and not one in the hands of connect(2)",
        "rare": True,
    },
    {
        "traces": rf"\+~? (connect {BESIDE}epoll_ctl|epoll_ctl {BESIDE}connect) ",
        "policies": EVERY,
        "backends": ("procfs", "bpf"),
        "native": r"(.* (epoll_ctl|epoll_wait|items) .*|open .* anon_inode:\[eventpoll\].*|)",
        "reseat": r"(.* (epoll_ctl|epoll_wait|items) .*|open .* anon_inode:\[eventpoll\].*|)",
        "row": "random/epoll-ctl-while-connecting",
        "why": "between the put of the replacement and its items, some 20 us, epoll_ctl(2) of that very number by another "
               "thread says ENOENT, or registers it anew: only a kernel that moves the items can close that",
        "rare": True,
    },
    {
        "traces": rf"\+~? (connect {BESIDE}(fcntl|ioctl|setsockopt)|(fcntl|ioctl|setsockopt) {BESIDE}connect) ",
        "policies": EVERY,
        "native": r"(open .*|.* (fcntl|getsockopt) .*|rest of [AB]: (ECONNRESET|\d+))",
        "reseat": r"(open .*|.* (fcntl|getsockopt) .*|rest of [AB]: (ECONNRESET|\d+))",
        "row": "random/setting-while-connecting",
        "why": "what another thread sets on the socket or its number between the look and the put, some 50 us, stays with "
               "the old one",
        "rare": True,
    },
    {
        "traces": rf"\+~? (connect {BESIDE}(close|dup2|dup3)|(close|dup2|dup3) {BESIDE}connect) ",
        "policies": EVERY,
        "native": r".* connect .*: (0|waits|E\w+)",
        "reseat": r".* connect .*: EBADF",
        "row": "random/close-while-connecting-blocking",
        "why": "a blocking connect(2) takes the number again to wait, when the replacement's connect has been made",
        "rare": True,
    },
    {
        "traces": rf"\+~? (connect {BESIDE}(close|dup2|dup3)|(close|dup2|dup3) {BESIDE}connect) ",
        "policies": EVERY,
        "native": r".*",
        "reseat": r".*",
        "row": "race/*",
        "why": "a file of another thread is destroyed, or a socket put where nothing was, between comparing and replacing: "
               "ADDFD compares nothing",
        "rare": True,
    },
    {
        "traces": r"(epoll_wait \w \d+ -1|(poll|select) -1 .*): waits" + THEN + r"(close|dup2|dup3) ",
        "policies": EVERY,
        "backends": ("procfs",),
        "native": r"  then .* (epoll_wait|poll|select) .*",
        "reseat": r"|.*: busy",
        "row": "random/epoll-of-nobody",
        "why": "an epoll instance that only a thread has which waits in it is in no table; with bpf the verdict tells",
        "follows": True,
    },
    {
        "traces": r"dgram" + THEN + r"connect \w (map|six):\S+: EAFNOSUPPORT",
        "policies": ("map",),
        "native": r".* getsockname .*: 0 \S+/some length \d+",
        "reseat": r".* getsockname .*: 0 \S+/0 length \d+",
        "row": "random/datagram-wrong-family",
        "why": "a connect to an address of another family fails, and binds a datagram socket to a port before; for one that "
               "was swapped it is answered without",
    },
    {
        "traces": r"oneshot" + THEN + r"listen ",
        "policies": ("map",),
        "backends": ("procfs", "bpf"),
        "native": r"open .*|.* (items|epoll_wait) .*",
        "reseat": r"open .*|.* (items|epoll_wait) .*",
        "row": "oneshot-add",
        "why": "listen(2) on a swapped socket replaces it once more, for which there is no verdict that could tell of a "
               "one-shot item that had fired",
    },
    {
        "traces": r"(epoll_wait \w \d+ -1|(poll|select) -1 .*): waits" + THEN + r"connect .*: ECONNREFUSED",
        "policies": EVERY,
        "native": r"  then .* (epoll_wait|poll|select) .*",
        "reseat": r"  then .* (epoll_wait|poll|select) .*\berr\b.*",
        "row": "random/refused-beside-waiter",
        "why": "the error of a blocking connect(2) is there for others until that returns; natively both are woken at once, "
               "and either may be first",
        "follows": True,
        "rare": True,
    },
    {
        "traces": r"fork \d" + THEN + r"listen ",
        "policies": ("map",),
        "native": r".* listen .*: 0",
        "reseat": r".* listen .*: EADDRINUSE",
        "row": "shared/*",
        "why": "listen(2) on a swapped socket replaces it once more, and another process keeps the old one with its port",
        "follows": True,
        "rare": True,
    },
    {
        "traces": r"connect \w unspec" + THEN + r"listen \w ",
        "policies": ("map",),
        "native": r".* (send|getsockopt) .*(: | )(ECONNRESET|ECONNREFUSED)",
        "reseat": r".* (send|getsockopt) .*(: EPIPE| none)",
        "row": "random/listen-after-disconnect",
        "why": "a disconnected socket's error (ECONNRESET, ECONNREFUSED) stays until it is told; listen(2) makes a swapped "
               "socket an IPv4 one again, and no call can give it the error",
    },
]


def pairs(native, seen):
    """The lines that differ, beside each other; what one side lacks is empty."""
    matcher = difflib.SequenceMatcher(None, native, seen, autojunk=False)
    found = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        old, new = list(native[a:b]), list(seen[c:d])
        length = max(len(old), len(new))
        found += zip(old + [""] * (length - len(old)), new + [""] * (length - len(new)))
    return found


def call_of(line):
    """"3 0 connect a lo/silent: EINPROGRESS" -> "connect EINPROGRESS", so that variables do not matter."""
    match = re.match(r"(?P<then>  then )?\d+ \S+ (?:\w = )?(?P<call>\S+)(?P<arguments>[^:]*(?::[^ ][^:]*)*): ?(?P<result>.*)",
                     line)
    if not match:
        return re.sub(r"\d+", "N", line)
    result = re.sub(r"\b\d+:", "N:", match["result"])
    return f"{(match['then'] or '').strip()} {match['call']} {result}".strip()


def explains(name, native, seen):
    """The entries that explain each line that differs, as indices of KNOWN; empty if some is not. name: policy and backend."""
    policy, _, backend = name.partition(" ")
    text = "\n".join(native) + "\n"
    entries = [(i, entry) for i, entry in enumerate(KNOWN) if policy in entry["policies"] and
               backend in entry.get("backends", (backend,)) and re.search(entry["traces"], text)]
    used = set()
    for old, new in pairs(native, seen):
        found = {i for i, entry in entries if re.fullmatch(entry["native"], old) and re.fullmatch(entry["reseat"], new)}
        if not found:
            return set()
        used |= found
        if any("follows" in KNOWN[i] for i in found):
            break
    return used
