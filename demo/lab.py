# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's three network namespaces and everything that runs in them.

    client                      router                            server
    IPv6 only                   NAT64 (tayga)                     IPv4 only
    2001:db8:1::2  <- veth ->   2001:db8:1::1
                                64:ff9b::/96  -> tun -> 192.0.2.0/24
                                198.51.100.1          <- veth ->  198.51.100.10

The IPv4 addresses are those of documentation (RFC 5737), which count as public: a NAT64 must not use
64:ff9b::/96 for private ones (RFC 6052 section 3.1).
"""
import os
import sys

# The rest of the demo has these from here.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from namespaces import ENVIRONMENT, LabError, Namespaces, command, wait_until  # noqa: E402,F401

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


class Lab(Namespaces):
    def __init__(self):
        super().__init__("demo", ("client", "router", "server"))
        self.client, self.router, self.serving = self.names.values()

    def build(self):
        for role in self.names:
            self.add(role, ipv6=role != "server")

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
        # The servers are no root, and have the ports that their clients look for.
        self.set(self.serving, "ipv4/ip_unprivileged_port_start", 0)
        self.start_nat64()

    def start_nat64(self):
        self.set(self.router, "ipv4/ip_forward", 1)
        # Who asks the machine's name server, which the lab has not, hears so each time, and at once.
        self.set(self.router, "ipv4/icmp_ratelimit", 0)
        self.set(self.router, "ipv6/conf/all/forwarding", 1)
        self.start_tayga("router", "nat64", TAYGA_CONF)
        self.ip(self.router, "route add 192.0.2.0/24 dev nat64")
        self.ip(self.router, f"route add {TAYGA_PREFIX} dev nat64")
        command(*self.inside(self.router, ["nft", "-f", self.write("nat64.nft", RENUMBER)]))

    def unread(self, port):
        """Whether a client's bytes lie in a TCP connection to the server's port, unread."""
        listing = command(*self.inside(self.serving, ["ss", "-Htn", "state", "established",
                                                      f"sport = :{port}"]))
        return any(int(line.split()[0]) for line in listing.splitlines())

    def sockets(self, port, protocol):
        """(peer, process name) of each "tcp" or "udp" socket of the client namespace that goes to port."""
        listing = command(*self.inside(self.client, ["ss", "-Hanp", f"--{protocol}", f"dport = :{port}"]))
        found = []
        for line in listing.splitlines():
            fields = line.split(None, 5)
            users = fields[5] if len(fields) > 5 else ""
            names = [part.split('"')[0] for part in users.split('("')[1:]]
            found += [(fields[4], name) for name in names or ["?"]]
        return found
