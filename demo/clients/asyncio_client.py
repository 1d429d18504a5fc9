# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP over asyncio streams: connect(2) on a non-blocking socket, then epoll.

Usage: asyncio_client.py ADDRESS PORT PATH
"""
import asyncio
import sys


async def get(host, port, path):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    print(answer.decode().split("\r\n\r\n", 1)[1], end="")
    print("peer %s:%d" % writer.get_extra_info("peername")[:2])
    writer.close()


asyncio.run(get(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
