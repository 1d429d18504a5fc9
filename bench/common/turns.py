# SPDX-License-Identifier: GPL-2.0-or-later
"""Rounds in which every variant has its turn, in a new order each.

So what else the machine does hits all variants alike, and none always comes after the same other.
"""
import random
import sys
import time


def take_turns(variants, rounds, seconds=None, at_least=3):
    """Call run() of each variant in each round; after so many seconds begin no more rounds."""
    order = list(variants)
    shuffle = random.Random(1).shuffle
    began = time.monotonic()
    done = 0
    while done < rounds:
        if seconds and done >= at_least and time.monotonic() - began > seconds:
            break
        shuffle(order)
        for variant in order:
            variant.run()
        done += 1
        if sys.stderr.isatty():
            print(f"\rround {done} of {rounds}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r" + " " * 30 + "\r", end="", file=sys.stderr)
    return done
