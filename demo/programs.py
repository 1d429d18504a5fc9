# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of the demo, one entry each. None of them knows of reseat, or of IPv6."""
import dataclasses
import os

from lab import SERVER

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = os.path.join(HERE, "clients")
PROXIES = os.path.join(HERE, "proxies")
BUILT = os.path.join(os.path.dirname(HERE), "build", "demo")
PYTHON = "/usr/bin/python3"     # Debian's, whatever else comes first in PATH
URL = f"http://{SERVER}/"
CURL = ["curl", "-sSf"]


@dataclasses.dataclass
class Program:
    name: str
    waits: str                  # how it learns that its connect is through
    argv: list                  # a client; of a proxy, the proxy itself
    comm: str                   # the name under which the kernel lists it
    port: int = 80              # of the server
    says: str = ""              # its standard input
    # A proxy is started, asked by `ask` (a client that is never under reseat) once it listens on
    # `listens`, and terminated.
    ask: list = None
    listens: int = 0
    config: str = ""            # a template; @CONFIG@ in argv becomes the file made of it
    error: str = ""             # a pattern that finds its error message; empty: the last line


PROGRAMS = [
    Program("curl", "poll(2) after connect",
            [*CURL, "-w", r"peer %{remote_ip}:%{remote_port}\n", URL], "curl"),
    Program("nginx, as a proxy", "epoll, edge-triggered, added before connect",
            ["nginx", "-e", "stderr", "-c", "@CONFIG@"], "nginx", config="nginx.conf",
            ask=[*CURL, "http://[::1]:8080/"], listens=8080, error=r"connect\(\) .* failed [^,]*?\)"),
    Program("Java NIO, AF_INET", "epoll, registered from another thread before connect",
            ["java", "-cp", BUILT, "NioClient", "inet", SERVER, "80", "/"], "java"),
    Program("Java NIO", "the same, on an AF_INET6 socket to ::ffff:a.b.c.d",
            ["java", "-cp", BUILT, "NioClient", "default", SERVER, "80", "/"], "java"),
    Program("Java HttpURLConnection", "blocking connect to ::ffff:a.b.c.d",
            ["java", "-cp", BUILT, "BlockingClient", URL], "java"),
    Program("Python asyncio", "epoll, level-triggered, added after connect",
            [PYTHON, f"{CLIENTS}/asyncio_client.py", SERVER, "80", "/"], "python3"),
    Program("Go, static binary", "epoll, edge-triggered, added after connect",
            [f"{BUILT}/go-client", URL], "go-client"),
    Program("HAProxy, as a proxy", "epoll after connect; connect(2) again asks for the result",
            ["haproxy", "-db", "-f", "@CONFIG@"], "haproxy", config="haproxy.cfg",
            ask=[*CURL, "http://[::1]:8081/"], listens=8081, error=r"General socket error \(([^)]*)\)"),
    Program("Python http.client", "blocking connect",
            [PYTHON, f"{CLIENTS}/blocking_client.py", SERVER, "80", "/"], "python3"),
    Program("wget", "blocking connect", ["wget", "--tries=1", "-nv", "-O", "-", URL], "wget"),
    Program("netcat", "select(2) after connect", ["nc", "-v", "-N", SERVER, "7"], "nc",
            port=7, says="hello\n"),
    Program("perl IO::Socket", "blocking connect",
            ["perl", f"{CLIENTS}/line.pl", SERVER, "7"], "perl", port=7),
]
