# SPDX-License-Identifier: GPL-2.0-or-later
"""The suites. An adapter has

groups(quick, patterns)           names of the groups: all, the quick ones, those that match a shell pattern
prepare(folder, groups)           make ready what has to be built, in a folder of the suite's own; raises Unavailable
commands(group, tests, scratch)   the Commands that run a group, or only some of its tests
"""

from adapters.common import Unavailable
from adapters.cpython import CPython, Tornado, Twisted
from adapters.go import Go
from adapters.libevent import Libevent
from adapters.libuv import Libuv

SUITES = {
    "cpython": CPython(),
    "twisted": Twisted(),
    "tornado": Tornado(),
    "go": Go(),
    "libuv": Libuv(),
    "libevent": Libevent(),
}

__all__ = ["SUITES", "Unavailable"]
