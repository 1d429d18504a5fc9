# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the benchmark. Each is a module with

NAME, TITLE         for the command line and for people
measure(options)    takes the figures; returns what goes into the file, with a list of "aims"
tables(section)     says that in tables

A part is one interleaved run; only figures of one part may be compared.
"""
from parts import calls, connects, descriptors, memory, startup, swap, throughput

PARTS = {part.NAME: part for part in
         (calls, swap, descriptors, connects, throughput, memory, startup)}
