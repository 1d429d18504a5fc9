# SPDX-License-Identifier: GPL-2.0-or-later
"""Two network namespaces, and each way in which an unmodified IPv4 program reaches the server.

    client                                      server
    192.0.2.2     eth0  <----- veth ----->      192.0.2.1
    2001:db8:1::2                               2001:db8:1::1
    192.0.2.34 -> clat (tun of tayga)           198.51.100.10, 198.51.100.20
       -> 2001:db8:2::22                        2001:db8:64::/96 with these embedded

The server has both families, so that IPv4 itself can be measured, and what a program made for IPv6
does. All ways take the same veth; a proxy, a translator and the program share the client's processors, as on
one host. No packet leaves the namespaces.

Each way leaves from an address of its own, and the server tells the client its last byte: so it is
known that a measured connection really took that way. The addresses are those of documentation.
"""
import os
import shutil
import subprocess
import sys

from common.dialog import Dialog
from common.stats import BenchError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from namespaces import ENVIRONMENT, LabError, Namespaces, wait_until  # noqa: E402

PREFIX = "2001:db8:64::/96"
SERVER = "198.51.100.10"
SERVER_IPV6 = "2001:db8:64::c633:640a"
SERVER_BY_CLAT = "198.51.100.20"

# The last bytes of the addresses by which the server knows a way.
PLAIN, PLAIN_IPV6, BY_SOCKS, BY_PASTA, BY_CLAT = 2, 66, 3, 4, 34

# As a CLAT (RFC 6877): IPv4 becomes IPv6 on the host itself.
TAYGA_CONF = f"""\
tun-device clat
ipv4-addr 192.0.2.33
prefix {PREFIX}
map 192.0.2.34 2001:db8:2::{BY_CLAT:x}
"""

# A rule that fits the program's own user is all that dante needs; it logs nothing.
DANTE_CONF = """\
logoutput: /dev/null
internal: 127.0.0.1 port = 1081
external: 192.0.2.3
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
"""
PROXYCHAINS_CONF = """\
strict_chain
quiet_mode
tcp_read_time_out 15000
tcp_connect_time_out 8000
[ProxyList]
socks5 127.0.0.1 {port}
"""
TORSOCKS_CONF = """\
TorAddress 127.0.0.1
TorPort {port}
"""
# Two SOCKS servers, because none is good at both: microsocks is the quicker one to connect and copies 1 KiB at
# a time, dante copies much at a time and hands each connection from process to process.
MICROSOCKS, DANTE = 1080, 1081

# pasta has to be started by a user that is not root, and opens /dev/net/tun, which some machines
# keep for root: there it finds one of its own. The mounts are seen by nobody else.
PASTA = """\
set -e
mount -t tmpfs -o mode=755 none "$1"
mknod -m 666 "$1/tun" c 10 200
mount --bind "$1/tun" /dev/net/tun
shift
exec setpriv --reuid=nobody --regid=nogroup --clear-groups pasta --quiet --config-net \\
	--outbound 192.0.2.4 -- "$@"
"""


class Way:
    """How a program gets to the server."""

    def __init__(self, name, title, argv=(), address=SERVER, byte=PLAIN, needs=None, env=None):
        self.name, self.title = name, title
        self.argv, self.address, self.byte = list(argv), address, byte
        self.needs, self.env = needs, env or {}


class Lab(Namespaces):
    def __init__(self, options):
        super().__init__("bench", ("client", "server"))
        self.options = options
        self.client, self.serving = self.names.values()
        self.dialogs = []
        # pasta's program is another user, who may not get into our tree.
        self.program = shutil.copy(os.path.join(options.build, "bench", "client"), self.dir)

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for dialog in self.dialogs:
            dialog.close()
        super().close()

    def build(self):
        client, serving = self.client, self.serving
        for role in self.names:
            self.add(role)
        self.ip(client, f"link add eth0 type veth peer name eth0 netns {serving}")
        for last in PLAIN, BY_SOCKS, BY_PASTA:
            self.ip(client, f"addr add 192.0.2.{last}/27 dev eth0")
        self.ip(client, f"addr add 2001:db8:1::{PLAIN_IPV6:x}/64 dev eth0 nodad")
        self.ip(serving, "addr add 192.0.2.1/27 dev eth0")
        self.ip(serving, "addr add 2001:db8:1::1/64 dev eth0 nodad")
        self.ip(serving, f"addr add {SERVER}/32 dev lo")
        self.ip(serving, f"addr add {SERVER_BY_CLAT}/32 dev lo")
        self.ip(serving, f"addr add {SERVER_IPV6}/128 dev lo nodad")
        self.ip(serving, "addr add 2001:db8:64::c633:6414/128 dev lo nodad")
        for namespace in self.names.values():
            self.ip(namespace, "link set eth0 up")
        # pasta takes the interface of the default routes.
        self.ip(client, "route add default via 192.0.2.1 src 192.0.2.2")
        self.ip(client, "route add default via 2001:db8:1::1")
        self.ip(serving, f"route add 2001:db8:2::/64 via 2001:db8:1::{PLAIN_IPV6:x}")

    def ways(self, socks):
        """All ways, started as far as they need it; the others, by name, and what is missing.

        @socks: the port of the SOCKS server to use
        """
        proxychains = self.write(f"proxychains-{socks}.conf", PROXYCHAINS_CONF.format(port=socks))
        torsocks = self.write(f"torsocks-{socks}.conf", TORSOCKS_CONF.format(port=socks))
        tun = os.path.join(self.dir, "tun")
        os.makedirs(tun, exist_ok=True)
        run = [self.options.reseat, "run", "--map", f"198.51.100.0/24={PREFIX}"]
        ways = [
            Way("native", "native, IPv4"),
            Way("native-ipv6", "native, IPv6", address=SERVER_IPV6, byte=PLAIN_IPV6),
            *(Way(f"reseat:{backend}", f"reseat, {backend}", byte=PLAIN_IPV6,
                  argv=[*run, f"--watch-backend={backend}", "--"])
              for backend in self.options.backends),
            Way("tayga", "tayga, as a CLAT", address=SERVER_BY_CLAT, byte=BY_CLAT, needs="tayga"),
            Way("pasta", "pasta", byte=BY_PASTA, needs="pasta",
                argv=["unshare", "--mount", "--", "sh", "-c", PASTA, "pasta", tun]),
            Way("proxychains4", "proxychains4", byte=BY_SOCKS, needs="proxychains4",
                argv=["proxychains4", "-q", "-f", proxychains]),
            Way("torsocks", "torsocks", byte=BY_SOCKS, needs="torsocks", argv=["torsocks"],
                env={"TORSOCKS_CONF_FILE": torsocks}),
        ]
        missing = {way.name: f"no program '{way.needs}' here" for way in ways
                   if way.needs and not shutil.which(way.needs, path=ENVIRONMENT["PATH"])}
        ways = [way for way in ways if way.name not in missing]
        names = [way.name for way in ways]
        if "tayga" in names:
            self.start_clat()
        if "proxychains4" in names or "torsocks" in names:
            self.start_socks(socks)
        return ways, missing

    def start_clat(self):
        client = self.client
        self.set(client, "ipv4/ip_forward", 1)
        self.set(client, "ipv6/conf/all/forwarding", 1)
        self.start_tayga("client", "clat", TAYGA_CONF)
        self.ip(client, "addr add 192.0.2.34 dev clat")
        # What IPv6 adds to each packet has to fit into the 1500 bytes of the way.
        self.ip(client, "link set clat mtu 1480")
        self.ip(client, f"route add {SERVER_BY_CLAT} dev clat src 192.0.2.34")
        self.ip(client, "route add 2001:db8:2::/64 dev clat")

    def start_socks(self, port):
        log = os.path.join(self.dir, f"socks-{port}.log")
        argv = {MICROSOCKS: ["microsocks", "-i", "127.0.0.1", "-p", str(port), "-b", "192.0.2.3"],
                DANTE: ["danted", "-f", self.write("dante.conf", DANTE_CONF)]}[port]
        if not shutil.which(argv[0], path=ENVIRONMENT["PATH"]):
            raise BenchError(f"proxychains4 and torsocks need the SOCKS server {argv[0]}, "
                             "which is not here; tools/bootstrap bench")
        child = self.start(self.client, argv, output=log)

        def listens():
            if child.poll() is not None:
                raise LabError(f"{argv[0]} does not start: {self.read(log).strip()}")
            return self.listens(self.client, port)
        wait_until(listens, f"{argv[0]} to listen")

    def start_dialog(self, what, namespace, argv, env=None):
        dialog = Dialog(what, self.inside(namespace, argv), self.options.patience, cwd="/",
                        env={**ENVIRONMENT, "HOME": self.dir, **(env or {})})
        self.dialogs.append(dialog)
        return dialog, dialog.wait_ready()

    def start_server(self):
        """Return: the port of bench/server.c, in the server's namespace."""
        argv = [os.path.join(self.options.build, "bench", "server"), "0"]
        return self.start_dialog("server", self.serving, argv)[1][0]

    def start_client(self, way, port):
        """bench/client.c on a way, which it is known to take."""
        dialog, _ = self.start_dialog(way.title, self.client,
                                      [*way.argv, self.program, way.address, port], way.env)
        seen = int(dialog.ask("check")[0])
        if seen != way.byte:
            raise BenchError(f"{way.title}: the server should see a client at ...{way.byte}, "
                             f"sees one at ...{seen}")
        return dialog

    def run(self, way, argv):
        """Run argv on a way until it ends. Return: what it printed."""
        done = subprocess.run(self.inside(self.client, [*way.argv, *argv]), cwd="/",
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=self.options.patience,
                              env={**ENVIRONMENT, "HOME": self.dir, **way.env})
        return done.stdout
