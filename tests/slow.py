# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that are slower than most: an emulated one, say. C has the same in slow.h."""
import os


def slowly(seconds):
    """A deadline, multiplied by what RESEAT_SLOW in the environment says.

    For how long something may take that has to happen; what must not happen is not watched for any longer.
    """
    return seconds * max(1, int(os.environ.get("RESEAT_SLOW") or 1))
