# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP on twisted: connect(2), then epoll, then connect(2) once more to learn how the first one went.

Usage: twisted_client.py ADDRESS PORT PATH
"""
import sys

from twisted.internet import endpoints, reactor
from twisted.internet.protocol import Factory, Protocol


class Get(Protocol):
    def __init__(self):
        self.answer = b""

    def connectionMade(self):
        peer = self.transport.getPeer()
        print(f"peer {peer.host}:{peer.port}")
        host, path = sys.argv[1], sys.argv[3]
        self.transport.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    def dataReceived(self, data):
        self.answer += data

    def connectionLost(self, reason):
        print(self.answer.decode().split("\r\n\r\n", 1)[1], end="")
        reactor.stop()


def failed(reason):
    global status
    status = reason.getErrorMessage()
    reactor.stop()


status = 0
endpoint = endpoints.TCP4ClientEndpoint(reactor, sys.argv[1], int(sys.argv[2]))
endpoint.connect(Factory.forProtocol(Get)).addErrback(failed)
reactor.run()
sys.exit(status)
