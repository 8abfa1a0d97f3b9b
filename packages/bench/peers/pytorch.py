"""A peer for `odegrad against`: the workloads solved by torchdiffeq or torch_symplectic_adjoint.

    odegrad against --workload cnf -- \
        python3 peers/pytorch.py torch_symplectic_adjoint odeint_symplectic_adjoint W4-dopri5

Needs numpy, torch, and the library that is named.
"""

import argparse
import importlib
import json
import math
import sys
import time

import torch
import workloads
from torch.nn import functional as F


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

    def series(self, t, y):
        season = torch.sin(3 * t) * torch.ones_like(y[:, :1])
        hidden = torch.tanh(F.linear(torch.cat((y, season), dim=1), self.w1, self.b1))
        return F.linear(hidden, self.w2, self.b2) - y

    def kdv(self, t, u):
        def energy(u):
            # The convolutions as matrix products, which are faster.
            x = torch.stack((torch.roll(u, 1, 1), u, torch.roll(u, -1, 1)), dim=2)
            x = torch.tanh(F.linear(x, self.w1.flatten(1), self.b1))
            x = torch.tanh(F.linear(x, self.w2.flatten(1), self.b2))
            return F.linear(x, self.w3.flatten(1)).sum()

        _, slope = inner_gradient(energy, u, None)
        return (torch.roll(slope, -1, 1) - torch.roll(slope, 1, 1)) / (2 * self.dx)


class Counted(torch.nn.Module):
    """A field that counts its evaluations, and how often a gradient went back through one."""

    def __init__(self, field):
        super().__init__()
        self.field, self.evaluations, self.pullbacks = field, 0, 0

    def forward(self, t, y):
        self.evaluations += 1
        slope = self.field(t, y)
        first = parts(slope)[0]
        if first.requires_grad:
            first.register_hook(self.pull)
        return slope

    def pull(self, _):
        self.pullbacks += 1


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
    if run["mode"] == "adaptive":
        return torch.from_numpy(workloads.output_times(run)), {"method": run["solver"], "rtol": run["rtol"], "atol": run["atol"]}
    t0, t1, steps = float(run["t0"]), float(run["t1"]), run["steps"]
    ends = torch.tensor([t0, t1], dtype=torch.float64)
    if run["solver"] == "rk4":
        if library == "torchdiffeq":
            return ends, {"method": "rk4", "options": {"step_size": (t1 - t0) / steps}}
        return torch.linspace(t0, t1, steps + 1), {"method": "rk4"}
    # There with adaptive steps only: any error is accepted and steps never change. A little longer, so that rounding leaves no
    # step at the end.
    step = (t1 - t0) / steps * (1 + 1e-9)
    options = {"first_step": step, "ifactor": 1.0, "dfactor": 1.0}
    return ends, {"method": run["solver"], "rtol": 1e10, "atol": 1e10, "options": options}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=["torchdiffeq", "torch_symplectic_adjoint"])
    parser.add_argument("function", help="odeint, odeint_adjoint, odeint_symplectic_adjoint, …")
    parser.add_argument("run", help="W1-rk4, W2-dopri5, W3-rk4, W3-dopri5, W4-dopri5, W5-rk4, W6-dopri5-adaptive, …")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    spec = workloads.find(args.run)
    if spec is None:
        parser.error(f"no workload has a run '{args.run}'")
    run = spec["runs"][args.run]
    params, y0, consts = ({k: torch.from_numpy(x) for k, x in d.items()} for d in workloads.draw(spec))
    field = Field(spec, params, consts)
    library = importlib.import_module(args.library)
    odeint = getattr(library, args.function)
    times, options = arguments(args.library, run)
    # Its output times may be the steps of a run of constant ones.
    counts = slice(None) if run.get("loss") == "all" else slice(-1, None)

    def solve(f, state):
        return parts(odeint(f, tuple(state) if len(state) > 1 else state[0], times, **options))

    def forward():
        with torch.no_grad():
            solve(field, list(y0.values()))

    def differentiate(f=field):
        leaves = [x.clone().requires_grad_() for x in y0.values()]
        field.zero_grad()
        outputs = solve(f, leaves)
        loss = sum(x[counts].square().sum() for x in outputs)
        solved = getattr(f, "evaluations", 0)
        loss.backward()
        return loss.item(), leaves, outputs, solved

    def introduction():
        counted = Counted(field)
        loss, leaves, outputs, solved = differentiate(counted)
        gradients = [[x.grad for x in group] for group in (leaves, field.parameters())]
        norms = [math.sqrt(sum(x.double().square().sum().item() for x in group)) for group in gradients]
        told = {
            "name": f"{args.library} {args.function}",
            "check": {"loss": loss, "gnorm_y0": norms[0], "gnorm_params": norms[1]},
            "forward": True,
            "evaluations": {
                "forward": solved,
                "backward": counted.evaluations - solved,
                "pullbacks": counted.pullbacks,
            },
        }
        if run["mode"] == "adaptive":
            flat = [[x for part in group for x in part.flatten().tolist()] for group in (outputs, sum(gradients, []))]
            told["results"] = {"outputs": flat[0], "gradient": flat[1]}
        return told

    print(json.dumps(introduction()), flush=True)
    for line in sys.stdin:
        times_over, *what = line.split()
        work = forward if what else differentiate
        start = time.perf_counter()
        for _ in range(int(times_over)):
            work()
        print(1e3 * (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
