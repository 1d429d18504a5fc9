# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's IPv4-only server: HTTP on port 80, and on port 7 a service that answers one line.

It holds every answer back until it is told to let go, so that whoever runs the demo can look at the
open connection for as long as needed, and nobody has to guess how long a sleep should be. It speaks
with its parent over its own standard streams:

    out   ready                       both ports listen
    out   held PORT ADDRESS           a client has sent its request and waits
    in    release                     let all of them have their answer
    in    end of file                 the parent is gone: stop
"""
import asyncio
import sys


class Server:
    def __init__(self, address):
        self.address = address
        self.release = asyncio.Event()

    async def hold(self, port, writer):
        """Waits for the parent's word; returns the answer's text."""
        peer = writer.get_extra_info("peername")[0]
        print("held", port, peer, flush=True)
        await self.release.wait()
        return f"hello {peer}, this is the IPv4-only server {self.address}\n"

    async def http(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        answer = "" if head.startswith(b"HEAD") else await self.hold(80, writer)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(answer) + answer.encode())

    async def line(self, reader, writer):
        await reader.readuntil(b"\n")
        writer.write((await self.hold(7, writer)).encode())

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
        for port, answer in ((80, self.http), (7, self.line)):
            await asyncio.start_server(self.serve(answer), self.address, port)
        print("ready", flush=True)
        parent = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(parent), sys.stdin)
        while await parent.readline() == b"release\n":
            # Those who wait are woken by set(); who comes later waits for the next word.
            self.release.set()
            self.release.clear()


async def main():
    await Server(sys.argv[1]).run()


asyncio.run(main())
