"""The workloads' numbers and times, for peers in Python."""

import json
import math
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "src" / "workloads" / "workloads.json"


class Stream:
    """mulberry32: its state grows by a constant, so that any stretch of draws is one array expression."""

    def __init__(self, seed):
        self.seed, self.drawn = seed, 0

    def uniform(self, count):
        draw = self.drawn + 1 + np.arange(count, dtype=np.uint64)
        self.drawn += count
        with np.errstate(over="ignore"):
            s = (np.uint64(self.seed) + draw * np.uint64(0x6D2B79F5)).astype(np.uint32)
            x = (s ^ s >> np.uint32(15)) * (s | np.uint32(1))
            x = x + (x ^ x >> np.uint32(7)) * (x | np.uint32(61)) ^ x
            return (x ^ x >> np.uint32(14)) / 2.0**32

    def array(self, spec):
        count, kind = math.prod(spec["shape"]), spec.get("init", "uniform")
        if kind == "zeros":
            values = np.zeros(count)
        elif kind == "sign":
            values = np.where(self.uniform(count) < 0.5, -1, 1)
        else:
            values = (2 * self.uniform(count) - 1) * spec.get("bound", 1 / math.sqrt(spec.get("fan_in", 1)))
        return values.astype(np.float32).reshape(spec["shape"])


def find(run):
    """The workload that has a run, or None."""
    workloads = json.loads(FILE.read_text(encoding="utf-8"))["workloads"].values()
    return next((w for w in workloads if run in w["runs"]), None)


def draw(spec):
    """Parameters, initial state and constants by their names; in this order, since they share the stream."""
    stream = Stream(spec["seed"])
    return [{a["name"]: stream.array(a) for a in spec[part]} for part in ("params", "y0", "consts")]


def output_times(run):
    """In float64, the first and the last among them."""
    t0, t1, count = float(run["t0"]), float(run["t1"]), run.get("outputs", 2)
    if "times_seed" in run:
        between = np.sort(Stream(run["times_seed"]).uniform(count - 2))
    else:
        between = np.arange(1, count - 1) / (count - 1)
    return np.concatenate(([t0], t0 + (t1 - t0) * between, [t1]))
