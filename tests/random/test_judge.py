#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes up natively in one run of a hundred is native; what never does is not."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import judge  # noqa: E402
from interpreter import Outcome  # noqa: E402

PROGRAM = ["0 a = socket inet stream 0", "0 shutdown a rdwr"]
USUAL, RARE, WRONG = ("0 0 usual: 0",), ("0 0 usual: 1",), ("0 0 usual: EINVAL",)


class Native:
    """Says something else in each hundredth run."""

    def __init__(self):
        self.runs = 0

    def run(self, program, mode):
        self.runs += 1
        return Outcome(RARE if self.runs % 100 == 0 else USUAL, set(), "0", [])


class Supervised:
    name = "netns bpf"

    @staticmethod
    def records_of(outcome):
        return []


class TestRare(unittest.TestCase):
    def found(self, lines):
        judging = judge.Judge(Native())
        outcomes = judging.first_natives(PROGRAM)
        return judging, judging.judge(Supervised(), PROGRAM, outcomes, Outcome(lines, set(), "0", []))

    def test_rare(self):
        judging, difference = self.found(RARE)
        self.assertEqual(difference.kind, "found")
        self.assertTrue(judging.is_rare(difference))
        self.assertIsNone(judging.judge(Supervised(), PROGRAM, difference.outcomes, Outcome(RARE, set(), "0", [])))

    def test_wrong(self):
        judging, difference = self.found(WRONG)
        self.assertFalse(judging.is_rare(difference))
        self.assertGreater(judging.native.runs, judge.RARE_RUNS)


if __name__ == "__main__":
    unittest.main()
