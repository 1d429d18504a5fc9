# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences that tests of other people's suites see, each with its reason; docs/suites.md says the same.

suite		as tests/suites/run names it
tests		a shell pattern over group/test
policies	under which it occurs
why		the reason

An entry that does not occur in a run of the whole suite is a failure.
"""

KNOWN = [
]
