"""A peer for `odegrad against`: the workloads solved by diffrax, or by a plain loop in jax.lax.scan; compiled.

    odegrad against --workload spiral --engine wasm -- python3 peers/with_jax.py diffrax W1-rk4

Needs numpy, jax and diffrax.
"""

import argparse
import json
import math
import sys
import time

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import workloads


def linear(x, w, b=0.0):
    return x @ w.T + b


def spiral(t, y, p):
    return linear(jnp.tanh(linear(y * y * y, p["w1"], p["b1"])), p["w2"], p["b2"])


def small(t, y, p):
    return jnp.tanh(linear(jax.nn.softplus(linear(y, p["w1"], p["b1"])), p["w2"], p["b2"]))


def medium(t, y, p):
    return linear(jnp.tanh(linear(y, p["w1"], p["b1"])), p["w2"], p["b2"])


def series(t, y, p):
    season = jnp.full((y.shape[0], 1), jnp.sin(3 * t))
    return linear(jnp.tanh(linear(jnp.concatenate((y, season), axis=1), p["w1"], p["b1"])), p["w2"], p["b2"]) - y


FIELDS = {"spiral": spiral, "small": small, "medium": medium, "series": series}

RK4 = diffrax.ButcherTableau(
    a_lower=(np.array([0.5]), np.array([0.0, 0.5]), np.array([0.0, 0.0, 1.0])),
    b_sol=np.array([1, 2, 2, 1]) / 6,
    b_error=np.zeros(4),
    c=np.array([0.5, 0.5, 1.0]),
)


class ClassicalRK4(diffrax.AbstractERK):
    """The classical rule, which diffrax does not have; it takes constant steps only."""

    tableau = RK4
    interpolation_cls = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms):
        return 4


SOLVERS = {"rk4": ClassicalRK4, "dopri5": diffrax.Dopri5}


def by_scan(f, run):
    """Constant steps without an error estimate; the last state alone."""
    tableau = SOLVERS[run["solver"]].tableau
    weights = [b for b in tableau.b_sol.tolist()]
    if weights[-1] == 0:  # its last stage is the first of the next step
        weights = weights[:-1]
    h = (run["t1"] - run["t0"]) / run["steps"]

    def step(y, t, p):
        ks = [f(t, y, p)]
        for a, c in zip(tableau.a_lower[: len(weights) - 1], tableau.c):
            ks.append(f(t + c * h, y + h * sum(x * k for x, k in zip(a.tolist(), ks) if x), p))
        return y + h * sum(b * k for b, k in zip(weights, ks) if b)

    def solve(p, y):
        ts = run["t0"] + h * jnp.arange(run["steps"], dtype=jnp.float32)
        return jax.lax.scan(lambda y, t: (step(y, t, p), None), y, ts)[0][None]

    return solve


def by_diffrax(f, run):
    """With the adjoint that is diffrax's default."""
    fixed = run["mode"] == "fixed"
    steps = {"controller": diffrax.ConstantStepSize(), "dt0": (run["t1"] - run["t0"]) / run["steps"]} if fixed else {
        "controller": diffrax.PIDController(rtol=run["rtol"], atol=run["atol"]), "dt0": None
    }
    ts = jnp.asarray(workloads.output_times(run), jnp.float32)
    save = diffrax.SaveAt(t1=True) if fixed else diffrax.SaveAt(ts=ts)

    def solve(p, y):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(f), SOLVERS[run["solver"]](), run["t0"], run["t1"], steps["dt0"], y, args=p,
            saveat=save, stepsize_controller=steps["controller"], max_steps=run.get("steps", 4096),
        ).ys

    return solve


def counting(f, counts):
    """f, which says so where it is evaluated, and where its pullback is."""

    def add(name):
        def count(_):
            counts[name] += 1

        return count

    @jax.custom_vjp
    def passed(slope):
        return slope

    def pulled(_, cotangent):
        jax.debug.callback(add("pullbacks"), cotangent.ravel()[0])
        return (cotangent,)

    passed.defvjp(lambda slope: (slope, None), pulled)

    def counted(t, y, p):
        jax.debug.callback(add("evaluations"), t)
        return passed(f(t, y, p))

    return counted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("how", choices=["diffrax", "scan"])
    parser.add_argument("run", help="W1-rk4, W2-dopri5, W3-rk4, W3-dopri5, W6-dopri5-adaptive, …")
    args = parser.parse_args()
    spec = workloads.find(args.run)
    if spec is None or spec["name"] not in FIELDS:
        parser.error(f"no workload of these has a run '{args.run}': {', '.join(FIELDS)}")
    run = spec["runs"][args.run]
    if args.how == "scan" and run["mode"] != "fixed":
        parser.error("a scan takes constant steps")
    params, y0, _ = ({k: jnp.asarray(x) for k, x in d.items()} for d in workloads.draw(spec))
    (y0,) = y0.values()
    counts = slice(None) if run.get("loss") == "all" else slice(-1, None)
    solver = {"diffrax": by_diffrax, "scan": by_scan}[args.how]

    def programs(f):
        """The solve, and its value and gradient with the states at the output times."""
        solve = solver(f, run)

        def loss(p, y):
            ys = solve(p, y)
            return jnp.sum(jnp.square(ys[counts])), ys

        return jax.jit(solve), jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))

    forward, gradient = programs(FIELDS[spec["name"]])
    start = time.perf_counter()
    (loss, ys), (slopes, slope) = jax.block_until_ready(gradient(params, y0))
    first_ms = 1e3 * (time.perf_counter() - start)

    def counted(which):
        told = {"evaluations": 0, "pullbacks": 0}
        jax.block_until_ready(programs(counting(FIELDS[spec["name"]], told))[which](params, y0))
        jax.effects_barrier()
        return told

    def norm(parts):
        return math.sqrt(sum(float(np.square(np.asarray(x, np.float64)).sum()) for x in parts))

    solved, both = counted(0)["evaluations"], counted(1)
    told = {
        "name": args.how,
        "check": {"loss": float(loss), "gnorm_y0": norm([slope]), "gnorm_params": norm(slopes.values())},
        "forward": True,
        "first_ms": first_ms,
        "evaluations": {
            "forward": solved,
            "backward": both["evaluations"] - solved,
            "pullbacks": both["pullbacks"],
        },
    }
    if run["mode"] == "adaptive":
        gradients = [slope, *(slopes[a["name"]] for a in spec["params"])]
        told["results"] = {
            "outputs": np.ravel(ys).tolist(),
            "gradient": [x for part in gradients for x in np.ravel(part).tolist()],
        }
    jax.block_until_ready(forward(params, y0))
    print(json.dumps(told), flush=True)
    for line in sys.stdin:
        times_over, *what = line.split()
        work = forward if what else gradient
        start = time.perf_counter()
        for _ in range(int(times_over)):
            jax.block_until_ready(work(params, y0))
        print(1e3 * (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
