# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading the trace of `reseat run --trace=json`, and what a twin run asks of it."""

import json

SWAPPED = ("swap", "in-place")


def read(path):
    """The records of a trace file. ValueError where a line is no JSON object."""
    records = []
    with open(path) as file:
        for line in file:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError(f"no JSON object: {line.strip()}")
            records.append(record)
    return records


def has_approximate(path):
    """Whether reseat said of any connection that it is approximate, with a reason."""
    try:
        return any(r.get("verdict") == "approximate" and r.get("why") for r in read(path))
    except (OSError, ValueError):
        return False


def complaints(path, connects, flags, backend):
    """What is wrong with the trace of a scenario: a list of lines.

    A restarted connect(2) comes as a second notification, so there can be more records than calls,
    never fewer.
    """
    try:
        records = read(path)
    except FileNotFoundError:
        return ["trace: no file"]
    except ValueError as error:
        return [f"trace: {error}"]
    wrong = []
    for record in records:
        if not record.get("verdict"):
            wrong.append(f"trace: no verdict: {json.dumps(record)}")
    if connects is not None and len(records) < connects:
        wrong.append(f"trace: {len(records)} records for {connects} calls of connect")
    # Which may ask another one, whose answers are the same: then nothing of it would have been tested.
    wrong += [f"trace: watched by {record['watch']}" for record in records
              if backend != "auto" and "may_ask" not in flags and record.get("watch", backend) != backend]
    if "must_swap" in flags and not any(record.get("how") in SWAPPED for record in records):
        wrong.append("trace: nothing was swapped, so nothing was tested")
    approximate = [record for record in records if record.get("verdict") == "approximate"]
    if "must_exact" in flags:
        wrong += [f"trace: approximate: {record.get('why')}" for record in approximate]
    if "must_approximate" in flags and not any(record.get("why") for record in approximate):
        wrong.append("trace: nothing is called approximate, with a reason")
    if "must_trace" in flags and not records:
        wrong.append("trace: the connect is not there, so nothing was tested")
    return wrong
