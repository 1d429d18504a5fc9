# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of the demo, one entry each. None of them knows of reseat, or of IPv6."""
import dataclasses
import os

from lab import CLIENT_BY_NAT64, SERVER
from servers import Git, OwnServer, PostgreSQL, Redis, SSH

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = os.path.join(HERE, "clients")
PROXIES = os.path.join(HERE, "proxies")
BUILT = os.path.join(os.path.dirname(HERE), "build", "demo")
PYTHON = "/usr/bin/python3"     # Debian's, whatever else comes first in PATH
URL = f"http://{SERVER}/"
CURL = ["curl", "-sSf"]
HELLO = f"hello {CLIENT_BY_NAT64}, this is "    # what a server says to whom it knows by NAT64


@dataclasses.dataclass
class Program:
    name: str
    waits: str                  # how it learns that its connect is through
    # A client; of a proxy, the proxy itself. @DIR@ becomes the run's own folder.
    argv: list
    comm: str                   # the name under which the kernel lists it
    server: type = OwnServer    # whom it speaks with
    port: int = 80              # of the server
    protocol: str = "tcp"
    says: str = ""              # its standard input
    # A proxy is started, asked by `ask` (a client that is never under reseat) once it listens on
    # `listens`, and terminated.
    ask: list = None
    listens: int = 0
    config: str = ""            # a template or a folder of them; @CONFIG@ in argv becomes its copy
    until: str = ""             # a client that ends only when terminated is, once it has said this
    answers: tuple = (HELLO,)   # patterns: it works if all of them are in its output
    error: str = ""             # a pattern that finds its error message; empty: the last line


PROGRAMS = [
    # In epoll before connect. Netty's native transport belongs here too, but Debian's libnetty-java has
    # its classes only, without the library that they need.
    Program("nginx, as a proxy", "epoll, edge-triggered, added before connect",
            ["nginx", "-e", "stderr", "-c", "@CONFIG@"], "nginx", config="nginx.conf",
            ask=[*CURL, "http://[::1]:8080/"], listens=8080, error=r"connect\(\) .* failed [^,]*?\)"),
    Program("Apache Traffic Server", "epoll, edge-triggered and exclusive, added before connect",
            ["traffic_server", "--run-root=@CONFIG@/runroot.yaml"], "[TS_MAIN]",
            config="trafficserver", ask=["curl", "-sS", "--fail-with-body", "http://[::1]:8082/"], listens=8082,
            error=r"<H1>(Could Not Connect)"),
    Program("Boost.Asio", "epoll, edge-triggered, added before connect, while a thread waits there",
            [f"{BUILT}/asio-client", SERVER, "80", "/"], "asio-client"),
    Program("Java NIO, AF_INET", "epoll, registered from another thread before connect",
            ["java", "-cp", BUILT, "NioClient", "inet", SERVER, "80", "/"], "java"),
    Program("Java NIO", "the same, on an AF_INET6 socket to ::ffff:a.b.c.d",
            ["java", "-cp", BUILT, "NioClient", "default", SERVER, "80", "/"], "java"),

    # connect(2) again.
    Program("HAProxy's health check", "epoll after connect; then connect(2) again has the error",
            ["haproxy", "-db", "-f", "@CONFIG@"], "haproxy", config="haproxy-check.cfg", port=7,
            until=f"{HELLO}.*Connection refused|General socket error.*General socket error",
            answers=(f"check for server ipv4/open succeeded.*{HELLO}",
                     "check for server ipv4/closed failed.*Connection refused at step 1 "),
            error=r"General socket error \(([^)]*)\)"),
    Program("gevent", "epoll after connect, then connect(2) again",
            [PYTHON, f"{CLIENTS}/gevent_client.py", SERVER, "80", "/"], "python3"),
    Program("Twisted", "epoll after connect, then connect(2) again",
            [PYTHON, f"{CLIENTS}/twisted_client.py", SERVER, "80", "/"], "python3"),
    Program("redis-cli", "poll(2) after connect, then connect(2) again",
            ["redis-cli", "-h", SERVER, "client", "info"], "redis-cli", server=Redis, port=6379,
            answers=(f"addr={CLIENT_BY_NAT64}:",)),
    Program("Ruby Socket.tcp", "poll(2) after connect, then connect(2) again",
            ["ruby", f"{CLIENTS}/line.rb", SERVER, "7"], "ruby", port=7),

    # epoll, or poll, after connect.
    Program("HAProxy, as a proxy", "epoll after connect",
            ["haproxy", "-db", "-f", "@CONFIG@"], "haproxy", config="haproxy.cfg",
            ask=[*CURL, "http://[::1]:8081/"], listens=8081, error=r"General socket error \(([^)]*)\)"),
    Program("Node.js", "epoll after connect, added again later",
            ["node", f"{CLIENTS}/http.js", URL], "node", error=r"connect \w+"),
    Program("Python asyncio", "epoll, level-triggered, added after connect",
            [PYTHON, f"{CLIENTS}/asyncio_client.py", SERVER, "80", "/"], "python3"),
    Program("Go, static binary", "epoll, edge-triggered, added after connect",
            [f"{BUILT}/go-client", URL], "go-client"),
    Program("tokio (Rust)", "epoll, edge-triggered, added after connect",
            [f"{BUILT}/tokio-client", SERVER, "80", "/"], "tokio-client"),
    Program("dig +tcp", "epoll after connect",
            ["dig", "+tcp", "+tries=1", "@" + SERVER, "TXT", "hello"], "dig", port=53,
            error=r"failed: (.*)\."),
    Program("dig", "epoll after connect, UDP",
            ["dig", "+tries=1", "@" + SERVER, "TXT", "hello"], "dig", port=53, protocol="udp",
            error=r"failed: (.*)\."),
    Program("psql", "poll(2) after connect",
            ["psql", "-h", SERVER, "-U", "demo", "-d", "postgres", "-Atc",
             "SELECT format('hello %s, this is PostgreSQL', host(inet_client_addr()))"], "psql",
            server=PostgreSQL, port=5432, error=r"failed: (.*)"),
    Program("curl", "poll(2) after connect",
            [*CURL, "-w", r"peer %{remote_ip}:%{remote_port}\n", URL], "curl"),
    Program("PHP", "poll(2) after connect", ["php", f"{CLIENTS}/line.php", SERVER, "7"], "php", port=7),
    Program("netcat", "select(2) after connect", ["nc", "-v", "-N", SERVER, "7"], "nc",
            port=7, says="hello\n"),

    # Blocking.
    Program("Java HttpURLConnection", "blocking connect to ::ffff:a.b.c.d",
            ["java", "-cp", BUILT, "BlockingClient", URL], "java"),
    Program("git", "blocking connect; duplicates its socket afterwards",
            ["git", "clone", f"git://{SERVER}/", "@DIR@/clone"], "git", server=Git, port=9418,
            error=r"errno=(.*)"),
    Program("ssh", "blocking connect",
            ["ssh", "-F", "@DIR@/ssh/config", SERVER, "echo hello ${SSH_CLIENT%% *}, this is sshd"],
            "ssh", server=SSH, port=22),
    Program("Python http.client", "blocking connect",
            [PYTHON, f"{CLIENTS}/blocking_client.py", SERVER, "80", "/"], "python3"),
    Program("wget", "blocking connect", ["wget", "--tries=1", "-nv", "-O", "-", URL], "wget"),
    Program("perl IO::Socket", "blocking connect",
            ["perl", f"{CLIENTS}/line.pl", SERVER, "7"], "perl", port=7),
]
