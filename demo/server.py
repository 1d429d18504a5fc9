# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's IPv4-only server: HTTP on port 80, DNS on port 53 (TCP and UDP) with one answer to whatever
is asked, and on port 7 a service that answers one line.

It holds every answer back until it is told to let go, so that whoever runs the demo can look at the
open connection for as long as needed, and nobody has to guess how long a sleep should be. It speaks
with its parent over its own standard streams:

    out   ready                       all ports listen
    out   held PORT ADDRESS           a client has sent its request and waits
    in    release                     let all of them have their answer
    in    end of file                 the parent is gone: stop
"""
import asyncio
import struct
import sys


class Server:
    def __init__(self, address):
        self.address = address
        self.release = asyncio.Event()

    async def hold(self, port, peer):
        """Waits for the parent's word; returns the answer's text. peer is (ADDRESS, PORT)."""
        print("held", port, peer[0], flush=True)
        await self.release.wait()
        return f"hello {peer[0]}, this is the IPv4-only server {self.address}\n"

    async def http(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        peer = writer.get_extra_info("peername")
        answer = "" if head.startswith(b"HEAD") else await self.hold(80, peer)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(answer) + answer.encode())

    async def line(self, reader, writer):
        await reader.readuntil(b"\n")
        writer.write((await self.hold(7, writer.get_extra_info("peername"))).encode())

    async def dns(self, query, peer):
        """The answer to a query: its question, and one TXT record of no lifetime (RFC 1035)."""
        question = query[12:query.index(b"\0", 12) + 5]
        text = (await self.hold(53, peer)).strip().encode()
        return (query[:2] + struct.pack("!5H", 0x8580, 1, 1, 0, 0) + question +
                struct.pack("!3HIHB", 0xc00c, 16, 1, 0, len(text) + 1, len(text)) + text)

    async def dns_over_tcp(self, reader, writer):
        query = await reader.readexactly(*struct.unpack("!H", await reader.readexactly(2)))
        answer = await self.dns(query, writer.get_extra_info("peername"))
        writer.write(struct.pack("!H", len(answer)) + answer)

    @staticmethod
    def serve(answer):
        async def connected(reader, writer):
            try:
                await answer(reader, writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass    # a health check, or a client that was ended: no business of ours
            finally:
                writer.close()
        return connected

    async def run(self):
        for port, answer in ((80, self.http), (53, self.dns_over_tcp), (7, self.line)):
            await asyncio.start_server(self.serve(answer), self.address, port)
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(self.dns), (self.address, 53))
        print("ready", flush=True)
        parent = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(parent), sys.stdin)
        while await parent.readline() == b"release\n":
            # Those who wait are woken by set(); who comes later waits for the next word.
            self.release.set()
            self.release.clear()


class Datagrams(asyncio.DatagramProtocol):
    """Hands each datagram to answer(), and what that returns to the sender."""

    def __init__(self, answer):
        self.answer = answer
        self.tasks = set()      # the loop itself keeps no task alive

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        async def reply():
            self.transport.sendto(await self.answer(data, peer), peer)
        task = asyncio.create_task(reply())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def main():
    await Server(sys.argv[1]).run()


asyncio.run(main())
