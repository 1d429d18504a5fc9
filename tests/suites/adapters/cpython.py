# SPDX-License-Identifier: GPL-2.0-or-later
"""Suites in Python, which come with Debian's packages: CPython's own, Twisted's, Tornado's.

programs/python-tests runs modules and writes an outcome for each test.
"""

import json

from adapters.common import PROGRAMS, Command, need, plain, select

PYTHON = "/usr/bin/python3"
UNFINISHED = "did not end"


def read_lines(path):
    """{test: outcome} of what programs/python-tests wrote. A test that began and has no outcome did not end."""
    outcomes = {}
    if not path.exists():
        return outcomes
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if "outcome" in record:
            outcomes[record["test"]] = plain(record["outcome"])
        else:
            outcomes.setdefault(record["test"], UNFINISHED)
    return outcomes


class Python:
    """A suite of modules. kind: how they are loaded (programs/python-tests)."""

    kind = "unittest"
    prefix = ""
    modules = {}
    # Shell patterns of tests that are left out, which have a reason each.
    left_out = ()

    def prepare(self, folder, groups):
        need(self.path, self.package)

    def groups(self, quick, patterns):
        return select(self.modules, quick, patterns)

    def commands(self, group, tests, scratch):
        results = scratch.parent / "results"
        results.unlink(missing_ok=True)
        chosen = scratch.parent / "chosen"
        chosen.write_text(json.dumps({"only": sorted(tests) if tests is not None else None, "not": self.left_out}))
        # -B: nothing is written beside the package's files. Warnings are no part of an outcome.
        yield Command([PYTHON, "-B", "-W", "ignore", PROGRAMS / "python-tests", self.kind, results, chosen,
                       self.prefix + group], lambda text, status: read_lines(results))


def _quick(names, quick):
    return {name: name in quick.split() for name in names.split()}


class CPython(Python):
    path = "/usr/lib/python3.11/test/test_socket.py"
    package = "libpython3.11-testsuite"
    prefix = "test."
    kind = "cpython"
    # It waits for a virtual machine's host to answer.
    left_out = ("*VSOCK*",)
    modules = _quick("""
        test_socket test_socketserver test_select test_poll test_epoll test_selectors test_timeout
        test_asyncore test_asynchat test_ssl test_httplib test_httpservers test_ftplib test_smtplib test_smtpd
        test_poplib test_imaplib test_nntplib test_telnetlib test_urllib test_urllib2 test_urllib2_localnet
        test_xmlrpc test_docxmlrpc test_wsgiref test_robotparser test_eintr test_logging
        test_asyncio.test_base_events test_asyncio.test_buffered_proto test_asyncio.test_events
        test_asyncio.test_selector_events test_asyncio.test_sendfile
        test_asyncio.test_server test_asyncio.test_sock_lowlevel test_asyncio.test_ssl
        test_asyncio.test_sslproto test_asyncio.test_streams test_asyncio.test_subprocess
        test_asyncio.test_transports test_asyncio.test_unix_events""",
        "test_epoll test_asyncio.test_sock_lowlevel test_asyncio.test_streams")


class Twisted(Python):
    path = "/usr/lib/python3/dist-packages/twisted/internet/test/test_tcp.py"
    package = "python3-twisted"
    kind = "trial"
    prefix = "twisted."
    modules = _quick("""
        internet.test.test_tcp internet.test.test_udp internet.test.test_endpoints internet.test.test_fdset
        internet.test.test_core internet.test.test_base internet.test.test_address internet.test.test_socket
        internet.test.test_epollreactor internet.test.test_threads internet.test.test_time
        internet.test.test_resolver internet.test.test_unix internet.test.test_process
        internet.test.test_filedescriptor internet.test.test_asyncioreactor
        test.test_tcp test.test_tcp_internals test.test_udp test.test_internet test.test_factories
        test.test_policies test.test_application test.test_internet test.test_unix test.test_protocols
        test.test_ftp test.test_pb test.test_threads test.test_shortcut test.test_reflect test.test_socks
        test.test_abstract test.test_loopback test.test_amp test.test_adbapi
        web.test.test_http web.test.test_web web.test.test_agent web.test.test_webclient web.test.test_proxy
        web.test.test_xmlrpc web.test.test_wsgi web.test.test_distrib
        protocols.haproxy.test.test_wrapper
        names.test.test_names names.test.test_dns names.test.test_client names.test.test_server
        mail.test.test_smtp mail.test.test_pop3 mail.test.test_imap mail.test.test_mail
        conch.test.test_recvline""",
        "test.test_tcp test.test_udp")


class Tornado(Python):
    path = "/usr/lib/python3/dist-packages/tornado/test/iostream_test.py"
    package = "python3-tornado"
    prefix = "tornado.test."
    modules = _quick("""
        asyncio_test concurrent_test curl_httpclient_test gen_test http1connection_test httpclient_test
        httpserver_test ioloop_test iostream_test netutil_test process_test routing_test
        simple_httpclient_test tcpclient_test tcpserver_test testing_test twisted_test web_test websocket_test
        wsgi_test""", "tcpclient_test")
