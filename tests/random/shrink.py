# SPDX-License-Identifier: GPL-2.0-or-later
"""The shortest program that still shows a difference."""
import re
import time


def shrink(program, differs, seconds):
    """Leave out lines, then words, as long as differs(program) says that there is a difference."""
    until = time.monotonic() + seconds
    program = list(program)
    size = max(1, len(program) // 2)
    while size and time.monotonic() < until:
        begin, shorter = 0, False
        while begin < len(program) and time.monotonic() < until:
            candidate = program[:begin] + program[begin + size:]
            if candidate and differs(candidate):
                program, shorter = candidate, True
            else:
                begin += size
        if not shorter or size > 1:
            size = size // 2 if size > 1 else 0
    return simplify(without_duplicates(program, differs), differs, until)


def without_duplicates(program, differs):
    """A duplicate's calls by the number that it was made of."""
    for i, line in reversed(list(enumerate(program))):
        match = re.fullmatch(r"\d (\w) = (?:dup|fcntl) (\w)\b.*", line)
        if match:
            copy, original = match.groups()
            candidate = [re.sub(rf"(?<= ){copy}\b(?= |:|$)", original, other)
                         for j, other in enumerate(program) if j != i]
            if differs(candidate):
                program = candidate
    return program


def simpler(line):
    """Lines that say less: without a mark, a flag, an event."""
    words = line.split()
    if words[0][-1] == "+":
        yield " ".join([words[0][:-1], *words[1:]])
    if words[0] in ("1", "2", "3") and "thread" not in line and "fork" not in line:
        yield " ".join(["0", *words[1:]])
    for i, word in enumerate(words):
        if "|" not in word:
            continue
        head, colon, parts = word.rpartition(":")
        parts = parts.split("|")
        for part in range(len(parts)):
            fewer = "|".join(parts[:part] + parts[part + 1:])
            yield " ".join([*words[:i], head + colon + fewer, *words[i + 1:]])


def simplify(program, differs, until):
    again = True
    while again and time.monotonic() < until:
        again = False
        for i, line in enumerate(program):
            for other in simpler(line):
                if time.monotonic() > until:
                    return program
                candidate = program[:i] + [other] + program[i + 1:]
                if differs(candidate):
                    program, again = candidate, True
                    break
    return program
