# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP with the standard library's blocking client.

Usage: blocking_client.py ADDRESS PORT PATH
"""
import http.client
import sys

connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
connection.connect()
print("peer %s:%d" % connection.sock.getpeername()[:2])
connection.request("GET", sys.argv[3])
print(connection.getresponse().read().decode(), end="")
