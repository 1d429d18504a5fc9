# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP with the standard library's client on gevent: a blocking program on green threads.

gevent waits in epoll (libev) for the connect to be through and then calls connect(2) once more, to
learn how it went.

Usage: gevent_client.py ADDRESS PORT PATH
"""
from gevent import monkey

monkey.patch_all()

import http.client  # noqa: E402
import sys          # noqa: E402

connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
connection.connect()
print("peer %s:%d" % connection.sock.getpeername()[:2])
connection.request("GET", sys.argv[3])
print(connection.getresponse().read().decode(), end="")
