#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A network with delay and loss, in the network namespace of whoever starts it.

    delay.py -- COMMAND [ARGUMENT]...     runs a command in a namespace that has such a network

    192.0.2.1       this host, on a TUN device; servers listen here
    192.0.2.2       this host once more, 80 ms away: 40 ms there, 40 ms back
    192.0.2.3       the same, and of each five packets one is lost, by a generator with a seed
    192.0.2.4       a black hole
    192.0.2.5       a router answers "host unreachable", after 80 ms
    192.0.2.6       as .2, but packets there are held while the network is told so
    64:ff9b::192.0.2.1 to .6   the same over IPv6, what a NAT64 would make of them

A packet to one of these addresses comes in by the TUN device; what goes out again, later, is the same packet
with source and destination exchanged, which leaves every checksum right. So a server at .1 sees a client at .2, and
the client a server at .2, though both are in the same namespace.

Programs tell it what to do by datagrams to the abstract socket "delay", of which each network namespace has its own:
"begin" (nothing is held, the generator starts anew, counts are zero), "hold", "release" (the address .6), and
"count", each answered by how many connections have been asked for since: SYNs, less those that were repeated.
"""

import argparse
import errno
import fcntl
import heapq
import os
import pathlib
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

DEVICE = "delay"
CONTROL = "\0delay"
ONE_WAY = 0.040
LOST = 0.2
SEED = 6
NEAR, FAR, LOSSY, BLACK_HOLE, UNREACHABLE, HELD = range(1, 7)
PREFIX4 = bytes((192, 0, 2))
PREFIX6 = socket.inet_pton(socket.AF_INET6, "64:ff9b::192.0.2.0")[:15]

TCP, ICMP, ICMPV6 = 6, 1, 58
SYN, ACK = 0x02, 0x10


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Packet:
    """An IP packet: source and destination, as the last byte of the address; what it carries."""

    def __init__(self, data):
        self.data = data
        self.version = data[0] >> 4
        if self.version == 4:
            self.source, self.destination, self.prefix = data[12:16], data[16:20], PREFIX4
            self.protocol, self.payload = data[9], data[(data[0] & 15) * 4:]
        else:
            self.source, self.destination, self.prefix = data[8:24], data[24:40], PREFIX6
            self.protocol, self.payload = data[6], data[40:]

    def is_ours(self):
        return self.source.startswith(self.prefix) and self.destination.startswith(self.prefix)

    def exchanged(self):
        """The packet with source and destination exchanged."""
        at = 12 if self.version == 4 else 8
        end = at + len(self.source) + len(self.destination)
        return self.data[:at] + self.destination + self.source + self.data[end:]

    def unreachable(self):
        """The ICMP error that its destination has for it."""
        if self.version == 4:
            body = struct.pack("!BBHI", 3, 1, 0, 0) + self.data[:(self.data[0] & 15) * 4 + 8]
            body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, ICMP, 0) + self.destination + self.source
            return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + body
        body = struct.pack("!BBHI", 1, 3, 0, 0) + self.data[:1000]
        pseudo = self.destination + self.source + struct.pack("!II", len(body), ICMPV6)
        body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
        return struct.pack("!IHBB", 6 << 28, len(body), ICMPV6, 64) + self.destination + self.source + body

    def connection(self):
        """What names the connection that this packet asks for; None where it does not."""
        if self.protocol == TCP and len(self.payload) >= 20 and self.payload[13] & (SYN | ACK) == SYN:
            return self.source + self.destination + self.payload[:8]  # ports and first sequence number
        return None


class Network:
    """The network, a thread of this process. It is the daemon kind: it ends with the process."""

    def __init__(self):
        self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        for command in ("link set DEV up", "address add 192.0.2.1/24 dev DEV",
                        "address add 64:ff9b::192.0.2.1/120 dev DEV nodad"):
            subprocess.run(["ip", *command.replace("DEV", DEVICE).split()], check=True, capture_output=True)
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self.control.bind(CONTROL)
        self._begin()
        threading.Thread(target=self._run, daemon=True).start()

    def _begin(self):
        self.waiting = []  # (when, number, packet), a heap
        self.held = None  # packets, while any are
        self.number = 0
        self.connections = set()
        self.random = random.Random(SEED)

    def _run(self):
        while True:
            timeout = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            ready = select.select([self.tun, self.control], [], [], timeout)[0]
            if self.control in ready:
                self._obey()
            if self.tun in ready:
                self._receive()
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                self._send(heapq.heappop(self.waiting)[2])

    def _obey(self):
        try:
            word, sender = self.control.recvfrom(64)
        except BlockingIOError:
            return
        # What came before is dealt with before.
        self._receive()
        if word == b"begin":
            self._begin()
        elif word == b"hold":
            self.held = []
        elif word == b"release":
            for packet in self.held or []:
                self._later(packet, ONE_WAY)
            self.held = None
        answer = str(len(self.connections)).encode()
        try:
            self.control.sendto(answer, sender)
        except OSError:
            pass  # whoever asked has ended

    def _receive(self):
        while True:
            try:
                data = os.read(self.tun, 65536)
            except BlockingIOError:
                return
            packet = Packet(data)
            if packet.is_ours():
                self._forward(packet)

    def _forward(self, packet):
        destination, source = packet.destination[-1], packet.source[-1]
        asked = packet.connection()
        if asked:
            self.connections.add(asked)
        if destination == UNREACHABLE:
            self._later(packet.unreachable(), 2 * ONE_WAY)
        elif LOSSY in (destination, source) and self.random.random() < LOST:
            return
        elif destination == HELD and self.held is not None:
            self.held.append(packet.exchanged())
        elif destination in (FAR, LOSSY, HELD):
            self._later(packet.exchanged(), ONE_WAY)

    def _later(self, data, delay):
        self.number += 1
        heapq.heappush(self.waiting, (time.monotonic() + delay, self.number, data))

    def _send(self, data):
        try:
            os.write(self.tun, data)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EAGAIN):
                raise


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    here = pathlib.Path(__file__).resolve().parent
    sys.path.append(str(here.parent / "twin"))
    import surroundings
    surroundings.enter()
    Network()
    return subprocess.run(options.command).returncode


if __name__ == "__main__":
    sys.exit(main())
