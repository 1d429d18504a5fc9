# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done while a swap is held: kinds of connect, and actions beside them.

A program is one of each, in the words of tests/random/program.h: what a kind begins with, its call and the action, which
are let go together, and what is looked at afterwards. Actor 0 makes the call, actor 1 is another thread of its process.
"""
import collections
import re

Kind = collections.namedtuple("Kind", "setup call after")
Action = collections.namedtuple("Action", "setup line after")

_EPOLL = ["0 b = epoll_create 0", "0 epoll_ctl b add a in|out|et 7", "0 e = eventfd 0", "0 thread 1"]
_LOOK = ["0 epoll_wait b 16 0", "0 poll 0 a:in|out", "0 getpeername a", "0 fcntl a getfl", "0 send a 5 0"]
_TALK = [*_LOOK, "0 getsockopt a tcp_nodelay", "p A = accept", "p recv A", "p send A 3", "0 epoll_wait b 16 0", "0 recv a 16 dontwait"]


def _stream(flags, setup=_EPOLL, family="inet"):
    return [f"0 a = socket {family} stream{flags} 0", *setup]


KINDS = {
    # A stream is put before it is connected.
    "nonblock": Kind(_stream("|nonblock"), "connect a lo/listening", _TALK),
    "blocking": Kind(_stream(""), "connect a lo/listening", _TALK),
    # One that waits, and goes on waiting.
    "silent": Kind(_stream(""), "connect a lo/silent",
                   ["0 epoll_wait b 16 0", "p signal 0 plain", "0 epoll_wait b 16 0", "0 poll 0 a:in|out", "0 getpeername a"]),
    "silent-nonblock": Kind(_stream("|nonblock"), "connect a lo/silent",
                            ["0 epoll_wait b 16 0", "0 poll 0 a:in|out", "0 connect a lo/silent"]),
    "refused": Kind(_stream("|nonblock"), "connect a lo/refusing",
                    ["0 epoll_wait b 16 0", "0 getsockopt a so_error", "0 connect a lo/listening", *_TALK]),
    "refused-blocking": Kind(_stream(""), "connect a lo/refusing",
                             ["0 epoll_wait b 16 0", "0 getsockopt a so_error", "0 connect a lo/listening", *_TALK]),
    # Under `map` its own socket is connected.
    "mapped": Kind(_stream("|nonblock", family="inet6"), "connect a map:lo/listening", _TALK),
    "mapped-blocking": Kind(_stream("", family="inet6"), "connect a map:lo/listening", _TALK),
    # Two numbers, each with its item.
    "duplicate": Kind(_stream("|nonblock", ["0 d = dup a", *_EPOLL, "0 epoll_ctl b add d in|out 8"]), "connect a lo/listening",
                      [*_TALK, "0 send d 2 0", "0 close d", "0 epoll_wait b 16 0"]),
    # Items in more than one instance.
    "instances": Kind(_stream("|nonblock", [*_EPOLL, "0 c = epoll_create 0", "0 epoll_ctl c add a in|out 8"]), "connect a lo/listening",
                      [*_TALK, "0 epoll_wait c 16 0", "0 items c"]),
    "fastopen": Kind(_stream("|nonblock"), "send a 4 fastopen lo/listening", _TALK),
    # Connected, and put then.
    "datagram": Kind(["0 a = socket inet dgram|nonblock 0", *_EPOLL], "connect a lo/listening",
                     [*_LOOK, "p datagram", "p answer 3", "0 epoll_wait b 16 0", "0 recv a 16 0"]),
    # Nobody but the caller has its table.
    "alone": Kind(_stream("|nonblock", _EPOLL[:-1]), "connect a lo/listening", _TALK),
    "alone-blocking": Kind(_stream("", _EPOLL[:-1]), "connect a lo/listening", _TALK),
    # It is engaged already, and answers from its state.
    "again": Kind([*_stream("|nonblock"), "0 connect a lo/listening", "p B = accept"], "connect a lo/listening", [*_TALK, "p recv B"]),
    "again-blocking": Kind([*_stream(""), "0 connect a lo/listening", "p B = accept"], "connect a lo/listening", [*_TALK, "p recv B"]),
    "again-refused": Kind([*_stream("|nonblock"), "0 connect a lo/refusing"], "connect a lo/listening", _TALK),
    "again-silent": Kind([*_stream("|nonblock"), "0 connect a lo/silent"], "connect a lo/listening", _TALK),
    # A swapped socket becomes again what its program made.
    "listen": Kind([*_stream("|nonblock", ["0 thread 1"]), "0 connect a lo/listening", "0 connect a unspec", "0 getsockopt a so_error",
                    *_EPOLL[:-1]],
                   "listen a 4", ["0 epoll_wait b 16 0", "0 getsockopt a so_acceptconn", "0 fcntl a getfl"]),
}

ACTIONS = {
    "nothing": Action([], None, []),
    "ctl-add": Action([], "1 epoll_ctl b add a in 9", ["1 items b"]),
    "ctl-mod": Action([], "1 epoll_ctl b mod a in|out|et 9", ["1 items b"]),
    "ctl-del": Action([], "1 epoll_ctl b del a", ["1 items b"]),
    # Its first item.
    "ctl-first": Action(["0 epoll_ctl b del a"], "1 epoll_ctl b add a in|out|et 9", ["1 items b"]),
    "close": Action([], "1 close a", []),
    "dup2": Action([], "1 dup2 e a", []),
    "dup": Action([], "1 c = dup a", ["1 send c 2 0", "1 close c"]),
    "fork": Action([], "1 fork 2", ["2 send a 2 0", "2 getpeername a"]),
    "exec": Action([], "1 exec", []),
    "connect": Action([], "1 connect a lo/listening", []),
    "disconnect": Action([], "1 connect a unspec", []),
    "send": Action([], "1 send a 2 0", []),
    "recv": Action([], "1 recv a 16 0", []),
    "recvfrom": Action([], "1 recvfrom a 16 0", []),
    "poll": Action([], "1 poll -1 a:in", []),
    "epoll-wait": Action([], "1 epoll_wait b 16 -1", []),
    "shutdown": Action([], "1 shutdown a rdwr", []),
    "shutdown-send": Action([], "1 shutdown a wr", []),
    "flags": Action([], "1 fcntl a setfl nonblock", []),
    "cloexec": Action([], "1 fcntl a setfd 1", []),
    "option": Action([], "1 setsockopt a tcp_nodelay 1", []),
    "error": Action([], "1 getsockopt a so_error", []),
    "peer": Action([], "1 getpeername a", []),
    "exit": Action([], "1 exit_group", []),
    "signal": Action([], "p signal 0 plain", []),
    "signal-restart": Action([], "p signal 0 restart", []),
    "pause": Action([], "p signal 0 pause", []),
    "kill": Action([], "p signal 0 kill", []),
}


def fits(kind, action):
    """Whether there is somebody who can do it, and something to do it to."""
    line = ACTIONS[action].line
    if line is None or line.startswith("p"):
        return True
    if kind.startswith("alone"):
        return False
    if kind == "instances":
        return action in ("exec", "ctl-del", "ctl-mod", "close", "nothing")
    # Nothing is replaced, so nobody's items or options can be lost.
    if kind.startswith("again") and (action.startswith("ctl-") or action in ("dup", "fork", "epoll-wait", "cloexec", "option")):
        return False
    return not (kind == "datagram" and action == "option" or kind == "listen" and action in ("recv", "recvfrom"))


def program(kind, action):
    """Its lines."""
    made, done = KINDS[kind], ACTIONS[action]
    together = [f"0+ {made.call}", done.line] if done.line else [f"0+ {made.call}", "p signal 0 none"]
    return [*made.setup, *done.setup, *together, *done.after, *made.after]


def seen(name, lines):
    """What counts of what a program saw: who is ended in a call does not know how that would have ended."""
    if name[1] not in ("kill", "exit", "exec"):
        return lines
    return tuple(re.sub(r"^(\d+ 0\+ .*): .*", r"\1: ends", line) for line in lines)


def names():
    return [(kind, action) for kind in KINDS for action in ACTIONS if fits(kind, action)]


def quick():
    """Some of them, in which each kind and each action is: action by action, the kind that fits and had the fewest so far."""
    chosen = []
    counts = collections.Counter()
    for action in sorted(ACTIONS, key=lambda action: sum(fits(kind, action) for kind in KINDS)):
        kind = min((kind for kind in KINDS if fits(kind, action)), key=lambda kind: counts[kind])
        counts[kind] += 1
        chosen.append((kind, action))
    return chosen
