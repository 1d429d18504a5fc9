# SPDX-License-Identifier: GPL-2.0-or-later
"""What a connection carries afterwards: iperf3 on each way, against native."""
import json
import os
import shutil

from common.lab import DANTE, Lab, Way
from common.stats import BenchError, aim, ratio, spread
from common.tables import Table, number, ratio_text
from common.turns import take_turns

from namespaces import ENVIRONMENT, wait_until

NAME = "throughput"
TITLE = "Throughput after connect, iperf3"

PORT = 5201
# A processor each for the two ends, as long as there are two: runs differ less.
APART = ["--affinity", "0,1"] if {0, 1} <= os.sched_getaffinity(0) else []


class Variant:
    """iperf3 on one way."""

    def __init__(self, lab, way, seconds):
        self.lab, self.way, self.seconds = lab, way, seconds
        self.rounds = []        # bits per second, as the server received them

    def run(self):
        # The server may still be at the end of the last turn.
        result = wait_until(self.result_unless_busy, "iperf3's server to be free")
        try:
            received = result["end"]["sum_received"]
        except KeyError:
            raise BenchError(f"{self.way.title}: iperf3: {result.get('error', result)}") from None
        if not received["bytes"]:
            raise BenchError(f"{self.way.title}: nothing was received")
        self.rounds.append(received["bits_per_second"])

    def result_unless_busy(self):
        out = self.lab.run(self.way, ["iperf3", "--client", self.way.address, "--port", str(PORT),
                                      "--time", str(self.seconds), "--json", *APART])
        try:
            # pasta and proxychains4 may say something first.
            result = json.loads(out[out.index("{"):])
        except ValueError:
            raise BenchError(f"{self.way.title}: iperf3: {out.strip()[-200:] or 'no word'}") from None
        return None if "busy running a test" in result.get("error", "") else result


def measure(options):
    rounds = {"smoke": 1, "quick": 2, "full": 10}[options.mode]
    if not shutil.which("iperf3", path=ENVIRONMENT["PATH"]):
        raise BenchError("iperf3 is not here; tools/bootstrap bench")
    with Lab(options) as lab:
        ways, missing = lab.ways(DANTE)
        port = lab.start_server()
        for way in ways:
            lab.start_client(way, port).close()
        # What two runs of the very same differ by is how much there is to believe.
        ways.insert(2, Way("native-again", "native, IPv6, once more", address=ways[1].address))
        lab.start(lab.serving, ["iperf3", "--server", "--port", str(PORT)], output="/dev/null")
        wait_until(lambda: lab.listens(lab.serving, PORT), "iperf3 to listen")
        variants = {way.name: Variant(lab, way, 1) for way in ways}
        take_turns(variants.values(), rounds)
    native, ipv6 = variants["native"], variants["native-ipv6"]
    again = ratio(variants["native-again"].rounds, ipv6.rounds)
    noise = round(max(abs(1 - again["p10"]), abs(1 - again["p90"])), 3)
    return {
        "rounds": rounds, "seconds": 1, "left_out": missing,
        "results": [{"way": name, "title": variant.way.title, "n": len(variant.rounds),
                     "bits_per_second": spread(variant.rounds),
                     "to_native": ratio(variant.rounds, native.rounds),
                     "to_native_ipv6": ratio(variant.rounds, ipv6.rounds)}
                    for name, variant in variants.items()],
        "noise": noise,
        "aims": [aim("reseat's throughput is that of native IPv6: off by no more than a second native run may be",
                     round(abs(1 - ratio(variants[f"reseat:{backend}"].rounds, ipv6.rounds)["median"]), 3),
                     noise, backend=backend)
                 for backend in options.backends],
    }


def tables(section):
    return [Table(
        f"{TITLE}, Gbit/s",
        ["way", "n", "p10", "median", "p90", "x native IPv4", "x native IPv6"],
        [[row["title"], str(row["n"]),
          *(number(row["bits_per_second"][name] / 1e9, 2) for name in ("p10", "median", "p90")),
          ratio_text(row["to_native"]), ratio_text(row["to_native_ipv6"])]
         for row in section["results"]])]
