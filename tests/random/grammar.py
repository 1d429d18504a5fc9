# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs from a seed: mostly what programs do with sockets, some odd. program.h says how they are written.

The generator knows roughly what a variable is and what becomes of a call, so that most calls make sense: what blocks is left
to threads and processes other than the first, which goes on. It need not know exactly, since native runs say what is right.
"""
import random
import string

LETTERS = string.ascii_lowercase
PEERS = string.ascii_uppercase
# A timeout in a program, in ms; lines that end by it are marked ~.
SHORT = 15


class Fd:
    """What a variable is: tcp, udp, epoll or event; of family inet or inet6."""

    def __init__(self, kind, family="inet", nonblock=False):
        self.kind = kind
        self.family = family
        self.nonblock = nonblock
        self.stage = "fresh"
        self.bound = False
        self.timed = set()
        self.items = []

    def is_socket(self):
        return self.kind in ("tcp", "udp")


class Actor:
    def __init__(self, number, table):
        self.number = number
        self.table = table
        self.busy = False


class Program:
    def __init__(self, rng):
        self.rng = rng
        self.lines = []
        self.actors = {0: Actor(0, {})}
        self.names = iter(LETTERS)
        self.peers = []
        self.data = 0
        self.accepts = 0
        self.datagrams = False

    # What there is to choose from

    def chance(self, p):
        return self.rng.random() < p

    def actor(self, may_block=False):
        """Who calls; who may block is not the first, if there is another."""
        free = [a for a in self.actors.values() if not a.busy]
        if not free:
            return self.rng.choice(list(self.actors.values()))
        others = [a for a in free if a.number]
        if may_block and others:
            return self.rng.choice(others)
        return free[0] if self.chance(0.7) else self.rng.choice(free)

    def fd(self, actor, *kinds):
        """The name of a descriptor of an actor, and what it is; the latest as a rule."""
        found = [(n, f) for n, f in actor.table.items() if not kinds or f.kind in kinds]
        if not found:
            return None, None
        return found[-1] if self.chance(0.4) else self.rng.choice(found)

    def add(self, actor, text, patient=False):
        self.lines.append(f"{actor.number}{'~' if patient else ''} {text}")

    def peer(self, text):
        self.lines.append(f"p {text}")

    def name(self):
        return next(self.names, None)

    # Calls

    def socket(self, actor=None):
        actor = actor or self.actor()
        name = self.name()
        if not name:
            return
        kind = "udp" if self.chance(0.25) else "tcp"
        family = "inet6" if self.chance(0.2) else "inet"
        nonblock = self.chance(0.65)
        flags = ["dgram" if kind == "udp" else "stream"]
        flags += ["nonblock"] * nonblock + ["cloexec"] * self.chance(0.3)
        actor.table[name] = Fd(kind, family, nonblock)
        self.add(actor, f"{name} = socket {family} {'|'.join(flags)} 0")

    def epoll_create(self, actor=None):
        actor = actor or self.actor()
        name = self.name()
        if not name:
            return
        actor.table[name] = Fd("epoll")
        self.add(actor, f"{name} = epoll_create {self.rng.choice(['0', 'cloexec'])}")

    def eventfd(self):
        actor = self.actor()
        name = self.name()
        if name:
            actor.table[name] = Fd("event")
            self.add(actor, f"{name} = eventfd {self.rng.choice(['0', '1'])}")

    def events(self):
        bits = [bit for bit, p in (("in", 0.75), ("out", 0.65), ("rdhup", 0.25), ("pri", 0.1), ("et", 0.4),
                                   ("oneshot", 0.13), ("exclusive", 0.07), ("rdnorm", 0.03), ("wrnorm", 0.03),
                                   ("hup", 0.03), ("err", 0.03))
                if self.chance(p)]
        return "|".join(bits) or "0"

    def epoll_ctl(self, actor=None):
        actor = actor or self.actor()
        epoll, instance = self.fd(actor, "epoll")
        if not epoll:
            return self.epoll_create(actor)
        name, _ = self.fd(actor, "tcp", "udp") if self.chance(0.85) else self.fd(actor)
        if not name:
            return None
        if name in instance.items:
            call = self.rng.choices(["mod", "del", "add"], [8, 3, 1])[0]
        else:
            call = self.rng.choices(["add", "mod", "del"], [30, 1, 1])[0]
        if call == "del":
            if name in instance.items:
                instance.items.remove(name)
            return self.add(actor, f"epoll_ctl {epoll} del {name}")
        if call == "add":
            instance.items.append(name)
        self.data += 1
        return self.add(actor, f"epoll_ctl {epoll} {call} {name} {self.events()} {self.data}")

    def epoll_wait(self, actor=None):
        block = self.chance(0.3)
        actor = actor or self.actor(block)
        epoll, _ = self.fd(actor, "epoll")
        if not epoll:
            return
        timeout = "0"
        patient = False
        if block and actor.number:
            timeout = "-1"
            actor.busy = self.chance(0.5)
        elif self.chance(0.1):
            timeout, patient = str(SHORT), True
        self.add(actor, f"epoll_wait {epoll} 16 {timeout}", patient)

    def watched(self, actor):
        words = []
        for _ in range(self.rng.choice([1, 1, 1, 2])):
            name, _ = self.fd(actor)
            if name:
                words.append(f"{name}:{self.rng.choice(['in', 'out', 'in|out', 'in|out|rdhup', 'in|pri', '0'])}")
        return " ".join(words)

    def poll(self):
        block = self.chance(0.3)
        actor = self.actor(block)
        words = self.watched(actor)
        if not words:
            return
        call = self.rng.choice(["poll", "poll", "select"])
        timeout, patient = "0", False
        if block and actor.number:
            timeout = "-1"
            actor.busy = self.chance(0.5)
        elif self.chance(0.1):
            timeout, patient = str(SHORT), True
        self.add(actor, f"{call} {timeout} {words}", patient)

    def address(self, fd):
        """Where to connect to, as a program with such a socket might, or not."""
        host = self.rng.choices(["lo", "far", "any", "lo2"], [80, 8, 3, 3])[0]
        port = self.rng.choices(["listening", "refusing", "silent", "x", "y", "0"], [66, 18, 8, 3, 2, 1])[0]
        if fd.family == "inet":
            family = self.rng.choices(["", "map:", "six:", "short:"], [95, 1, 1, 1])[0]
        else:
            family = self.rng.choices(["map:", "six:", ""], [75, 20, 2])[0]
        # What an IPv6 datagram socket is that is connected to port 0 it does not tell itself: getpeername(2) is ENOTCONN.
        return f"{family}{host}/{'x' if family == 'six:' and port == '0' else port}"

    def connect(self, actor=None):
        actor = actor or self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        if not name:
            return
        address = "unspec" if fd.stage != "fresh" and self.chance(0.25) else self.address(fd)
        blocks = not fd.nonblock and "silent" in address and fd.kind == "tcp"
        if blocks and "snd" not in fd.timed:
            others = [a for a in self.actors.values() if a.number and not a.busy and name in a.table]
            if not others and self.chance(0.8):
                return
            if others:
                actor = others[0]
            actor.busy = True
        self.add(actor, f"connect {name} {address}", blocks and "snd" in fd.timed)
        fd.stage = "connected" if "listening" in address else "asked"
        if fd.kind == "tcp" and "listening" in address:
            self.accepts += 1

    def bind(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        if not name or (fd.stage != "fresh" and self.chance(0.8)):
            return
        host = self.rng.choices(["lo", "any", "lo2", "far"], [10, 8, 2, 1])[0]
        port = self.rng.choice(["0", "0", "x", "x", "y", "listening"])
        family = "" if fd.family == "inet" else self.rng.choice(["map:", "six:" if host == "any" else "map:"])
        if self.chance(0.03):
            family = "map:"
        if self.chance(0.15):
            self.add(actor, f"setsockopt {name} {self.rng.choice(['so_reuseaddr', 'so_reuseport', 'ip_bind_no_port'])} 1")
        self.add(actor, f"bind {name} {family}{host}/{port}")
        fd.bound = port in ("x", "y")

    def listen(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp")
        if not name or (fd.stage == "connected" and self.chance(0.8)) or (not fd.bound and self.chance(0.7)):
            return
        self.add(actor, f"listen {name} 4")
        fd.stage = "listening"

    def accept(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp")
        if not name or (fd.stage != "listening" and self.chance(0.9)):
            return
        if not fd.nonblock and not actor.number:
            return
        target = self.name()
        if target:
            flags = self.rng.choice(["0", "nonblock"])
            actor.table[target] = Fd("tcp", fd.family, flags != "0")
            actor.table[target].stage = "connected"
            self.add(actor, f"{target} = accept {name} {flags}", "rcv" in fd.timed)

    def dup(self):
        actor = self.actor()
        name, fd = self.fd(actor)
        if not name:
            return
        how = self.rng.choice(["dup", "dup", "dupfd", "dup2", "dup3"])
        if how in ("dup2", "dup3"):
            over, _ = self.fd(actor)
            if self.chance(0.3):
                over = str(self.rng.randint(3, 12))
            flags = f" {self.rng.choice(['0', 'cloexec'])}" if how == "dup3" else ""
            self.add(actor, f"{how} {name} {over}{flags}")
            if over in actor.table:
                actor.table[over] = fd
            return
        target = self.name()
        if not target:
            return
        actor.table[target] = fd
        if how == "dup":
            self.add(actor, f"{target} = dup {name}")
        else:
            self.add(actor, f"{target} = fcntl {name} {self.rng.choice(['dupfd', 'dupfd_cloexec'])} "
                            f"{self.rng.choice(['0', '9', '20'])}")

    def close(self):
        actor = self.actor()
        name, _ = self.fd(actor)
        if not name:
            return
        self.add(actor, f"close {name}")
        if self.chance(0.9):
            del actor.table[name]

    def fcntl(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        if not name:
            return
        call = self.rng.choice(["getfl", "getfl", "setfl nonblock", "setfl 0", "getfd", "setfd 1", "setfd 0"])
        if call.startswith("setfl"):
            fd.nonblock = "nonblock" in call
        self.add(actor, f"fcntl {name} {call}")

    def ioctl(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        if not name:
            return
        call = self.rng.choice(["fionread", "fionbio 1"])
        if call == "fionbio 1":
            fd.nonblock = True
        self.add(actor, f"ioctl {name} {call}")

    def names_of(self):
        actor = self.actor()
        name, _ = self.fd(actor, "tcp", "udp")
        if name:
            self.add(actor, f"{self.rng.choice(['getsockname', 'getpeername'])} {name}")

    GET = {"tcp": ["so_error", "so_error", "so_error", "so_type", "so_domain", "so_protocol", "so_acceptconn",
                   "so_keepalive", "so_rcvbuf", "so_sndbuf", "so_linger", "so_reuseaddr", "so_rcvtimeo", "so_sndtimeo",
                   "tcp_nodelay", "tcp_cork", "tcp_user_timeout", "tcp_keepidle", "tcp_syncnt", "tcp_linger2", "tcp_maxseg",
                   "tcp_window_clamp",
                   "tcp_state", "tcp_state", "tcp_state", "tcp_defer_accept", "tcp_notsent_lowat",
                   "tcp_fastopen_connect", "ip_tos", "ip_ttl", "ip_mtu_discover", "ip_recverr", "ip_freebind"],
           "udp": ["so_error", "so_error", "so_error", "so_type", "so_domain", "so_protocol", "so_broadcast",
                   "so_rcvbuf", "so_priority", "so_timestamp", "ip_tos", "ip_ttl", "ip_recverr", "ip_mtu_discover"]}
    SET = {"tcp": ["so_keepalive 1", "so_linger 1 0", "so_linger 1 1", "so_linger 0 0", "so_rcvbuf 20000",
                   "so_sndbuf 30000", "so_oobinline 1", "so_priority 4", "so_rcvlowat 3", "so_rcvtimeo 15",
                   "so_sndtimeo 15", "so_reuseaddr 1", "so_reuseport 1", "tcp_nodelay 1", "tcp_cork 1",
                   "tcp_user_timeout 9000", "tcp_maxseg 1000", "tcp_keepidle 77", "tcp_keepcnt 3", "tcp_syncnt 3",
                   "tcp_notsent_lowat 4096", "ip_tos 16", "ip_ttl 44", "ip_mtu_discover 2", "ip_recverr 1",
                   "ip_freebind 1"],
           "udp": ["so_broadcast 1", "so_rcvbuf 20000", "so_priority 4", "so_rcvtimeo 15", "so_reuseaddr 1",
                   "so_timestamp 1", "ip_tos 16", "ip_ttl 44", "ip_recverr 1", "ip_mtu_discover 2"]}

    def getsockopt(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        if not name:
            return
        if fd.family == "inet6" and self.chance(0.3):
            option = self.rng.choice(["ipv6_v6only", "ipv6_tclass", "ipv6_hops"])
        else:
            option = self.rng.choice(self.GET[fd.kind])
        self.add(actor, f"getsockopt {name} {option}")

    def setsockopt(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        if not name:
            return
        if fd.family == "inet6" and self.chance(0.3):
            option = self.rng.choice(["ipv6_v6only 1", "ipv6_v6only 0", "ipv6_tclass 16", "ipv6_hops 33"])
        else:
            option = self.rng.choice(self.SET[fd.kind])
        if "timeo" in option:
            fd.timed.add(option[3:6])
        self.add(actor, f"setsockopt {name} {option}")

    def send(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        if not name:
            return
        if fd.kind == "udp" and self.chance(0.3):
            where = "listening" if self.chance(0.8) else "refusing"
            family = "" if fd.family == "inet" else "map:"
            self.add(actor, f"send {name} 5 0 {family}lo/{where}")
            return
        if self.chance(0.15):
            self.add(actor, f"write {name} {self.rng.randint(1, 9)}")
            return
        flags = self.rng.choice(["0", "0", "0", "0", "dontwait", "more", "oob"])
        if fd.kind == "udp" and flags in ("oob", "more"):
            flags = "0"
        self.add(actor, f"send {name} {self.rng.choice([1, 4, 7, 0])} {flags}")

    def recv(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        if not name:
            return
        flags = self.rng.choice(["0", "0", "0", "peek", "dontwait", "waitall", "trunc"])
        if not fd.nonblock and flags != "dontwait" and "rcv" not in fd.timed:
            actor = self.actor(True)
            if name not in actor.table or (not actor.number and self.chance(0.8)):
                flags = "dontwait"
            else:
                actor.busy = self.chance(0.4)
        if flags == "trunc" and fd.kind == "tcp":
            flags = "0"
        call = self.rng.choices(["recv", "recvfrom", "read"], [5, 2, 1])[0]
        if call == "read" and flags == "dontwait":
            call = "recv"
        size = self.rng.choice([64, 64, 3])
        self.add(actor, f"{call} {name} {size}" + ("" if call == "read" else f" {flags}"), "rcv" in fd.timed)

    def shutdown(self):
        actor = self.actor()
        name, fd = self.fd(actor, "tcp", "udp")
        # Before connect it fails, and is forgotten: known.py.
        if name and fd.stage != "fresh":
            self.add(actor, f"shutdown {name} {self.rng.choice(['wr', 'rd', 'rdwr'])}")

    def items(self):
        actor = self.actor()
        name, _ = self.fd(actor, "epoll")
        if name:
            self.add(actor, f"items {name}")

    def newcomer(self):
        number = next((n for n in (1, 2, 3) if n not in self.actors), None)
        if not number:
            return
        parent = self.actor()
        how = "fork" if self.chance(0.25) else "thread"
        table = dict(parent.table) if how == "fork" else parent.table
        self.actors[number] = Actor(number, table)
        self.add(parent, f"{how} {number}")

    def exits(self):
        others = [a for a in self.actors.values() if a.number]
        if others:
            actor = self.rng.choice(others)
            self.add(actor, "exit")
            actor.busy = True

    # The other side

    def other_side(self):
        choice = self.rng.random()
        if self.accepts and (not self.peers or choice < 0.25):
            name = PEERS[len(self.peers) % len(PEERS)]
            self.peers.append(name)
            self.accepts -= 1
            return self.peer(f"{name} = accept" + ("6" if self.mentions_six() and self.chance(0.3) else ""))
        if self.chance(0.15):
            self.wake()
            return self.peer(self.rng.choice(["datagram", "answer 6"])) if self.mentions("dgram") else None
        if self.mentions("listen ") and self.chance(0.4):
            name = PEERS[len(self.peers) % len(PEERS)]
            self.peers.append(name)
            self.wake()
            return self.peer(f"{name} = connect lo/{self.rng.choice('xy')}")
        if not self.peers:
            return None
        name = self.peers[-1] if self.chance(0.6) else self.rng.choice(self.peers)
        call = self.rng.choices(["send", "recv", "close", "shutdown", "reset", "urgent"], [10, 5, 3, 2, 2, 1])[0]
        self.wake()
        return self.peer(f"{call} {name}" + (f" {self.rng.choice([1, 5, 8])}" if call == "send" else ""))

    def wake(self):
        """Whoever waited may have been woken."""
        for actor in self.actors.values():
            if self.chance(0.5):
                actor.busy = False

    def mentions(self, word):
        return any(word in line for line in self.lines)

    def mentions_six(self):
        return self.mentions("six:lo/listening")

    def signal(self):
        others = [a for a in self.actors.values() if a.number]
        if others:
            actor = self.rng.choice(others)
            self.peer(f"signal {actor.number} {self.rng.choice(['restart', 'plain'])}")
            actor.busy = False

    # Whole programs

    CALLS = (("connect", 10), ("epoll_ctl", 14), ("epoll_wait", 14), ("poll", 8), ("socket", 3), ("epoll_create", 3),
             ("eventfd", 0.5), ("bind", 3), ("listen", 1.5), ("accept", 2), ("dup", 4), ("close", 4), ("fcntl", 3),
             ("ioctl", 2), ("names_of", 5), ("getsockopt", 6), ("setsockopt", 5), ("send", 8), ("recv", 10),
             ("shutdown", 2.5), ("items", 3), ("newcomer", 3), ("exits", 0.5), ("other_side", 20), ("signal", 1.5))

    def step(self, weights):
        names, numbers = weights
        getattr(self, self.rng.choices(names, numbers)[0])()

    def together(self):
        """Lines of different actors at once."""
        actors = list(self.actors)
        if len(actors) < 2:
            return
        begin = len(self.lines)
        tries = 0
        wanted = 2 if self.chance(0.85) else 3
        while tries < 30:
            tries += 1
            before = len(self.lines)
            getattr(self, self.rng.choice(["connect", "connect", "close", "epoll_ctl", "epoll_ctl", "epoll_wait", "dup",
                                           "send", "recv", "shutdown", "poll", "setsockopt", "names_of", "fcntl"]))()
            if len(self.lines) == before:
                continue
            if len(self.lines) > before + 1 or self.lines[-1][0] in [line[0] for line in self.lines[begin:-1]]:
                del self.lines[before:]
                continue
            if len(self.lines) - begin == wanted:
                break
        for i in range(begin, len(self.lines) - 1):
            self.lines[i] = self.lines[i][0] + "+" + self.lines[i][1:]

    def write(self):
        rng = self.rng
        self.socket()
        if self.chance(0.25):
            self.newcomer()
        if self.chance(0.75):
            self.epoll_create()
            for _ in range(rng.choice([0, 1, 1, 2])):
                self.epoll_ctl()
        if self.chance(0.3):
            self.newcomer()
        names = [name for name, _ in self.CALLS]
        # Each program has its habits.
        weights = (names, [weight * rng.choice([0.3, 1, 1, 2]) for _, weight in self.CALLS])
        length = rng.choice([6, 10, 14, 20, 28])
        races = set()
        if self.chance(0.35):
            while len(self.actors) < 2:
                self.newcomer()
            races = {rng.randrange(length) for _ in range(rng.choice([1, 1, 2]))}
        for i in range(length):
            if i in races:
                self.together()
            self.step(weights)
            if i == length // 2 and not self.mentions("connect"):
                self.connect()
        self.last_look()
        return self.lines

    def last_look(self):
        """What can be seen in the end."""
        actor = self.actors[0]
        for name, fd in list(actor.table.items()):
            if fd.kind == "epoll":
                self.add(actor, f"epoll_wait {name} 16 0")
                if self.chance(0.5):
                    self.add(actor, f"epoll_wait {name} 16 0")
        for name, fd in list(actor.table.items()):
            if not fd.is_socket():
                continue
            for text, p in ((f"poll 0 {name}:in|out|rdhup", 0.6), (f"getsockopt {name} so_error", 0.4),
                            (f"getpeername {name}", 0.4), (f"getsockname {name}", 0.3), (f"fcntl {name} getfl", 0.3),
                            (f"send {name} 3 dontwait", 0.2), (f"recv {name} 64 dontwait", 0.3)):
                if self.chance(p):
                    self.add(actor, text)


def program(seed):
    """The lines of a program; the same for the same seed, a string."""
    rng = random.Random(seed)
    return Program(rng).write()[:90]
