"""A peer for `odegrad against`: the workloads solved by torchdiffeq or torch_symplectic_adjoint.

    odegrad against --workload cnf -- \
        python3 peers/pytorch.py torch_symplectic_adjoint odeint_symplectic_adjoint W4-dopri5

Needs numpy, torch, and the library that is named. Fixed-step runs only.
"""

import argparse
import importlib
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

WORKLOADS = Path(__file__).resolve().parents[1] / "src" / "workloads" / "workloads.json"


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
        return torch.from_numpy(values.astype(np.float32).reshape(spec["shape"]))


class Field(torch.nn.Module):
    """f(t, y) of a workload; the state is a tensor, or a tuple of them where the workload has several."""

    def __init__(self, spec, params, consts):
        super().__init__()
        self.evaluate = getattr(self, spec["name"])
        self.dx = spec.get("dx")
        for name, value in params.items():
            setattr(self, name, torch.nn.Parameter(value))
        for name, value in consts.items():
            self.register_buffer(name, value)

    def forward(self, t, y):
        return self.evaluate(t, y)

    def spiral(self, t, y):
        return F.linear(torch.tanh(F.linear(y * y * y, self.w1, self.b1)), self.w2, self.b2)

    def small(self, t, y):
        return torch.tanh(F.linear(F.softplus(F.linear(y, self.w1, self.b1)), self.w2, self.b2))

    def medium(self, t, y):
        return F.linear(torch.tanh(F.linear(y, self.w1, self.b1)), self.w2, self.b2)

    def cnf(self, t, state):
        def g(z):
            column = torch.ones_like(z[:, :1]) * t
            h = F.softplus(F.linear(torch.cat((z, column), dim=1), self.w1, self.b1))
            return F.linear(F.softplus(F.linear(h, self.w2, self.b2)), self.w3, self.b3)

        value, pulled = inner_gradient(g, state[0], self.e)
        return value, -(pulled * self.e).sum(dim=1)

    def kdv(self, t, u):
        def energy(u):
            # The convolutions as matrix products, which are faster.
            x = torch.stack((torch.roll(u, 1, 1), u, torch.roll(u, -1, 1)), dim=2)
            x = torch.tanh(F.linear(x, self.w1.flatten(1), self.b1))
            x = torch.tanh(F.linear(x, self.w2.flatten(1), self.b2))
            return F.linear(x, self.w3.flatten(1)).sum()

        _, slope = inner_gradient(energy, u, None)
        return (torch.roll(slope, -1, 1) - torch.roll(slope, 1, 1)) / (2 * self.dx)


def inner_gradient(g, x, cotangent):
    """g(x) and its pullback, differentiable where a tape is being written."""
    taped = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x if taped and x.requires_grad else x.detach().requires_grad_()
        value = g(x)
        (pulled,) = torch.autograd.grad(value, x, cotangent, create_graph=taped)
    return (value, pulled) if taped else (value.detach(), pulled)


def parts(state):
    return list(state) if isinstance(state, tuple) else [state]


def arguments(library, run):
    """Output times and options with which `odeint` takes the run's steps, and no others."""
    t0, t1, steps = float(run["t0"]), float(run["t1"]), run["steps"]
    ends = torch.tensor([t0, t1], dtype=torch.float64)
    if run["solver"] == "rk4":
        if library == "torchdiffeq":
            return ends, {"method": "rk4", "options": {"step_size": (t1 - t0) / steps}}
        return torch.linspace(t0, t1, steps + 1), {"method": "rk4"}
    # Adaptive only: any error is accepted and steps never change. A little longer, so that rounding leaves no step at the end.
    step = (t1 - t0) / steps * (1 + 1e-9)
    options = {"first_step": step, "ifactor": 1.0, "dfactor": 1.0}
    return ends, {"method": run["solver"], "rtol": 1e10, "atol": 1e10, "options": options}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=["torchdiffeq", "torch_symplectic_adjoint"])
    parser.add_argument("function", help="odeint, odeint_adjoint, odeint_symplectic_adjoint, …")
    parser.add_argument("run", help="W1-rk4, W2-dopri5, W3-rk4, W3-dopri5, W4-dopri5, W5-rk4")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    workloads = json.loads(WORKLOADS.read_text(encoding="utf-8"))["workloads"].values()
    spec = next((w for w in workloads if args.run in w["runs"]), None)
    if spec is None or spec["runs"][args.run]["mode"] != "fixed":
        parser.error(f"'{args.run}' is no run of fixed steps")
    stream = Stream(spec["seed"])
    params, y0, consts = ({a["name"]: stream.array(a) for a in spec[part]} for part in ("params", "y0", "consts"))
    field = Field(spec, params, consts)
    library = importlib.import_module(args.library)
    odeint = getattr(library, args.function)
    times, options = arguments(args.library, spec["runs"][args.run])

    def differentiate():
        leaves = [x.clone().requires_grad_() for x in y0.values()]
        field.zero_grad()
        outputs = odeint(field, tuple(leaves) if len(leaves) > 1 else leaves[0], times, **options)
        loss = sum(x[-1].square().sum() for x in parts(outputs))
        loss.backward()
        return loss.item(), leaves

    def norm(tensors):
        return math.sqrt(sum(x.grad.double().square().sum().item() for x in tensors))

    loss, leaves = differentiate()
    check = {"loss": loss, "gnorm_y0": norm(leaves), "gnorm_params": norm(field.parameters())}
    print(json.dumps({"name": f"{args.library} {args.function}", "check": check}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            differentiate()
        print(1e3 * (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
