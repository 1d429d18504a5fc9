# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's three network namespaces and everything that runs in them.

    client                      router                            server
    IPv6 only                   NAT64 (tayga)                     IPv4 only
    2001:db8:1::2  <- veth ->   2001:db8:1::1
                                64:ff9b::/96  -> tun -> 192.0.2.0/24
                                198.51.100.1          <- veth ->  198.51.100.10

The IPv4 addresses are those of documentation (RFC 5737), which count as public: a NAT64 must not use
64:ff9b::/96 for private ones (RFC 6052 section 3.1).

All names carry a prefix of this run's own, all interfaces are born inside the namespaces, and
whatever runs in the namespaces was started by this run. So close() needs no list of what was done
how far: it ends what the namespaces hold and deletes them.
"""
import os
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAT64_PREFIX = "64:ff9b::/96"
SERVER = "198.51.100.10"
SERVER_BY_NAT64 = "64:ff9b::c633:640a"      # SERVER in NAT64_PREFIX
CLIENT_BY_NAT64 = "192.0.2.2"               # the client, as the server sees it

# tayga counts the addresses of documentation as private and refuses them too under 64:ff9b::/96. A
# provider's NAT64 has public addresses behind it and no such trouble. So here tayga translates a
# prefix of the lab's own, and the router renumbers the one to the other.
TAYGA_PREFIX = "2001:db8:64:ff9b::/96"
TAYGA_CONF = f"""\
tun-device nat64
ipv4-addr 192.0.2.1
prefix {TAYGA_PREFIX}
map {CLIENT_BY_NAT64} 2001:db8:1::2
"""
RENUMBER = f"""\
table ip6 nat64 {{
	chain prerouting {{
		type nat hook prerouting priority dstnat
		ip6 daddr {NAT64_PREFIX} dnat ip6 prefix to {TAYGA_PREFIX}
	}}
}}
"""

# Nothing of the caller's environment gets in: a proxy variable would change what is shown.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "LANG": "C.UTF-8"}


class LabError(Exception):
    """What the demo stands on could not be built; the text is for the user."""


def wait_until(condition, what, seconds=10):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)
    return value


def command(*argv):
    done = subprocess.run(argv, env=ENVIRONMENT, text=True, capture_output=True)
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Lab:
    def __init__(self):
        prefix = "reseat-demo-" + secrets.token_hex(3)
        self.client, self.router, self.serving = (
            f"{prefix}-{role}" for role in ("client", "router", "server"))
        self.dir = tempfile.mkdtemp(prefix=prefix + "-")
        os.chmod(self.dir, 0o755)       # nginx's worker is another user
        self.children = []
        self.server = None

    # --- namespaces -------------------------------------------------------------------------

    def build(self):
        if not os.path.exists("/dev/net/tun"):
            raise LabError("the NAT64 needs /dev/net/tun, which is not there "
                           "(modprobe tun; in a container: give it the device)")
        for namespace in self.client, self.router, self.serving:
            command("ip", "netns", "add", namespace)
            # Duplicate address detection would keep each address back for a second.
            self.set(namespace, "ipv6/conf/default/accept_dad", 0)
            self.set(namespace, "ipv6/conf/all/accept_dad", 0)
            # A host without IPv6 may hand that on to its namespaces.
            no_ipv6 = int(namespace == self.serving)
            self.set(namespace, "ipv6/conf/all/disable_ipv6", no_ipv6)
            self.set(namespace, "ipv6/conf/default/disable_ipv6", no_ipv6)
            self.ip(namespace, "link set lo up")

        self.ip(self.router, f"link add client type veth peer name eth0 netns {self.client}")
        self.ip(self.router, f"link add server type veth peer name eth0 netns {self.serving}")
        self.ip(self.client, "addr add 2001:db8:1::2/64 dev eth0 nodad")
        self.ip(self.router, "addr add 2001:db8:1::1/64 dev client nodad")
        self.ip(self.router, "addr add 198.51.100.1/24 dev server")
        self.ip(self.serving, f"addr add {SERVER}/24 dev eth0")
        self.ip(self.router, "link set client up")
        self.ip(self.router, "link set server up")
        self.ip(self.client, "link set eth0 up")
        self.ip(self.serving, "link set eth0 up")
        self.ip(self.client, "route add default via 2001:db8:1::1")
        self.ip(self.serving, "route add default via 198.51.100.1")
        self.start_nat64()
        self.start_server()

    def start_nat64(self):
        self.set(self.router, "ipv4/ip_forward", 1)
        self.set(self.router, "ipv6/conf/all/forwarding", 1)
        self.ip(self.router, "tuntap add dev nat64 mode tun")
        self.ip(self.router, "link set nat64 up")
        self.ip(self.router, "route add 192.0.2.0/24 dev nat64")
        self.ip(self.router, f"route add {TAYGA_PREFIX} dev nat64")
        command(*self.inside(self.router, ["nft", "-f", self.write("nat64.nft", RENUMBER)]))
        config = self.write("tayga.conf", TAYGA_CONF)
        log = os.path.join(self.dir, "tayga.log")
        tayga = self.start(self.router, ["tayga", "-d", "--config", config], output=log)

        def attached():
            if tayga.poll() is not None:
                raise LabError("tayga does not start: " + self.read(log).strip())
            # A tun device has a carrier from the moment that a process holds it.
            return "LOWER_UP" in self.ip(self.router, "-o link show dev nat64")
        wait_until(attached, "tayga to attach to its tun device")

    def start_server(self):
        here = os.path.dirname(os.path.abspath(__file__))
        log = os.path.join(self.dir, "server.log")
        with open(log, "w") as errors:
            self.server = subprocess.Popen(
                self.inside(self.serving, ["/usr/bin/python3", os.path.join(here, "server.py"), SERVER]),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=ENVIRONMENT, cwd="/", bufsize=0, start_new_session=True)
        self.children.append(self.server)
        if not self.server_says(10):
            raise LabError("the server does not start: " + self.read(log).strip())

    def server_says(self, seconds):
        """Waits up to so many seconds for a word of the server; empty if none came (server.py)."""
        if not select.select([self.server.stdout], [], [], seconds)[0]:
            return b""
        word = self.server.stdout.read(4096)
        if not word:
            raise LabError("the server ended: " + self.read(self.dir + "/server.log").strip())
        return word

    def release(self):
        """Has the server answer all who wait."""
        self.server.stdin.write(b"release\n")

    def close(self):
        """Ends every process in the namespaces, deletes them, removes the folder."""
        for namespace in self.client, self.router, self.serving:
            self.end_all(namespace)
            subprocess.run(["ip", "netns", "del", namespace], env=ENVIRONMENT, capture_output=True)
        for child in self.children:
            child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- processes --------------------------------------------------------------------------

    @staticmethod
    def inside(namespace, argv):
        # Not "ip netns exec" or "ip -n": they make a mount namespace too, which fails in a plain
        # chroot, and the programs shall have nothing special about them but their network.
        return ["nsenter", f"--net=/run/netns/{namespace}", "--", *argv]

    def start(self, namespace, argv, output, stdin=None):
        """Starts argv in the namespace, in a session of its own: Ctrl-C is for us to handle."""
        with open(output, "w") as out, open(stdin or os.devnull) as given:
            child = subprocess.Popen(self.inside(namespace, argv), stdin=given, stdout=out,
                                     stderr=subprocess.STDOUT, cwd="/", start_new_session=True,
                                     env={**ENVIRONMENT, "HOME": self.dir})
        self.children.append(child)
        return child

    @staticmethod
    def processes(namespace):
        """The ids of the processes that are in the namespace, zombies not counted."""
        done = subprocess.run(["ip", "netns", "pids", namespace], env=ENVIRONMENT, text=True,
                              capture_output=True)
        return [int(pid) for pid in done.stdout.split()]

    def end_all(self, namespace):
        def gone():
            pids = self.processes(namespace)
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not pids
        wait_until(gone, f"the processes in {namespace} to end")

    # --- small things -----------------------------------------------------------------------

    def ip(self, namespace, arguments):
        return command(*self.inside(namespace, ["ip", *arguments.split()]))

    def set(self, namespace, name, value):
        command(*self.inside(namespace, ["sh", "-c", f"echo {value} > /proc/sys/net/{name}"]))

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    @staticmethod
    def read(path):
        try:
            with open(path, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def sockets(self, port):
        """(peer, process name) of each TCP socket of the client namespace that goes to port."""
        listing = command(*self.inside(self.client, ["ss", "-Htnp", f"dport = :{port}"]))
        found = []
        for line in listing.splitlines():
            fields = line.split(None, 5)
            users = fields[5] if len(fields) > 5 else ""
            names = [part.split('"')[0] for part in users.split('("')[1:]]
            found += [(fields[4], name) for name in names or ["?"]]
        return found
