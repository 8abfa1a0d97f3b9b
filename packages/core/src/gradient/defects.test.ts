// The defects of the reference implementation of the symplectic adjoint method (the paper's own, on PyTorch), each
// with a test that it does not exist here. Where one cannot exist, the comment in its place says why.
import { readdirSync, readFileSync } from 'node:fs';
import { adjoint } from '@odegrad/grad-adjoint';
import { backprop } from '@odegrad/grad-backprop';
import { checkpoint, recompute, stages } from '@odegrad/grad-checkpoint';
import { symplectic } from '@odegrad/grad-symplectic';
import tableaux, { bosh3, dopri5, dopri8, euler, fehlberg2, rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  cotangentsOf,
  float64Field,
  forcing,
  jump,
  logspace,
  neuralField,
  noiseVector,
  relativeError,
  runTrial,
  scalarField,
  tangentGradient,
  type Outcome,
  type Trial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import {
  createLedger,
  pi,
  rungeKutta,
  type AdaptiveStepping,
  type GradientStrategy,
  type Method,
  type State,
} from '../index.ts';

const exact = [backprop, checkpoint, recompute, stages, symplectic];
const each = exact.map((strategy) => [strategy.name, strategy] as const);
const adaptive = (tolerance: number, firstStep?: number): AdaptiveStepping => ({
  ...{ rtol: tolerance, atol: tolerance, controller: pi },
  ...(firstStep === undefined ? {} : { firstStep }),
});

/** The error of a strategy's gradient against forward differentiation over the same steps. */
function errorOf(strategy: GradientStrategy, trial: Trial): { error: number; outcome: Outcome } {
  const outcome = runTrial(strategy, trial);
  const { method, field, y0, ts, timeGradients = true } = trial;
  const reference = tangentGradient(
    method.solver.tableau!,
    field,
    y0,
    ts,
    outcome.steps,
    cotangentsOf(trial),
  );
  const expected = timeGradients ? reference : { ...reference, ts: ts.map(() => 0) };
  return { error: relativeError(outcome.gradient, expected), outcome };
}

const neural = { field: neuralField(), y0: noiseVector(9, 3) };

describe.each(each)('%s', (_, strategy) => {
  it('B1: differentiates Euler’s method, whose single stage depends on no other', () => {
    const method = { solver: rungeKutta(euler), stepping: { numSteps: 5 } };
    expect(errorOf(strategy, { ...neural, ts: [0, 1, 3], method }).error).toBeLessThan(1e-12);
  });

  it('B2: gives ∂ℒ/∂y0 once, whether y0 is the user’s own or the end of another solve', () => {
    const engine = createFloat64Engine();
    const method = { solver: rungeKutta(rk4), stepping: { numSteps: 3 } };
    const field = float64Field(engine, neural.field);
    const cotangent = [noiseVector(4, 3)];
    const pull = (y0: State<Float64Array>, ts: number[]) => {
      const solution = strategy.solve({ field, y0, ts }, method);
      return {
        solution,
        end: solution.ys[1]!,
        back: (k: State<Float64Array>) => solution.pullback([undefined, k]),
      };
    };
    const one = pull([neural.y0], [0, 0.5]);
    const two = pull(one.end, [0.5, 1]);
    const second = two.back(cotangent);
    const first = one.back(second.y0);
    const whole = runTrial(strategy, {
      ...neural,
      ts: [0, 0.5, 1],
      method,
      cotangents: [undefined, undefined, cotangent[0]!],
    });
    first.y0[0]!.forEach((x, i) => expect(x).toBeCloseTo(whole.gradient.y0[i]!, 14));
    // The first solve's end is still the user's while the second refers to it.
    expect([...one.end[0]!].every(Number.isFinite)).toBe(true);
    one.solution.release();
    two.solution.release();
    for (const g of [first, second]) for (const x of [...g.y0, ...g.parameters]) engine.release(x);
    expect(engine.live()).toBe(0);
  });

  it.each([0.1, 0.2, 1])('B4: injects each cotangent at its own time on logspace(−3, %d, 10)', (to) => {
    for (const ts of [logspace(-3, to, 10), logspace(-3, to, 10).reverse()]) {
      // The defect: where t0 + (t1 − t0) is not t1, an output's cotangent came a step late.
      const method = { solver: rungeKutta(rk4), stepping: { numSteps: 1 } };
      expect(errorOf(strategy, { ...neural, ts, method }).error).toBeLessThan(1e-12);
    }
  });

  it('B5: pulls back at the very times of the forward pass, where f jumps in time', () => {
    const trial: Trial = {
      field: jump,
      y0: Float64Array.of(1),
      ts: [0, 0.5, 1],
      timeGradients: false,
      method: { solver: rungeKutta(dopri5), stepping: adaptive(1e-4, 0.1) },
    };
    expect(errorOf(strategy, trial).error).toBeLessThan(1e-15 * 10);
    // An odd number of fixed steps has a stage on either side of the jump in one step.
    const method = { solver: rungeKutta(dopri8), stepping: { numSteps: 3 } };
    expect(errorOf(strategy, { ...trial, ts: [0, 1], method }).error).toBeLessThan(1e-14);
  });

  it('B7: gives zeros for a parameter that f does not use, and serves an f that does not use y', () => {
    const method = { solver: rungeKutta(rk4), stepping: { numSteps: 2 } };
    const { error, outcome } = errorOf(strategy, { ...neural, ts: [0, 1], method });
    expect(error).toBeLessThan(1e-12);
    expect(outcome.gradient.parameters[3]).toEqual(new Float64Array(2));
    const flat = errorOf(strategy, { field: forcing, y0: Float64Array.of(1), ts: [0, 1], method });
    expect(flat.error).toBeLessThan(1e-12);
    expect(flat.outcome.gradient.y0).toEqual(
      cotangentsOf({ field: forcing, y0: Float64Array.of(1), ts: [0, 1], method }).reduce((a, b) =>
        a!.map((x, i) => x + b![i]!),
      ),
    );
  });

  it('B8: gives the gradient of every parameter that a plain object of functions names', () => {
    const scalar = scalarField(
      0.7,
      (t, y, p) => p * y * Math.cos(t),
      (t, y, p) => [-p * y * Math.sin(t), p * Math.cos(t), y * Math.cos(t)],
    );
    const method = { solver: rungeKutta(rk4), stepping: { numSteps: 50 } };
    const cotangents = [undefined, Float64Array.of(1)];
    const { gradient } = runTrial(strategy, {
      field: scalar,
      y0: Float64Array.of(2),
      ts: [0, 1],
      method,
      cotangents,
    });
    // y(1) = 2 exp(θ sin 1).
    expect(gradient.parameters[0]![0]).toBeCloseTo(2 * Math.sin(1) * Math.exp(0.7 * Math.sin(1)), 7);
  });

  it('B9: gives gradients of every output time, the first and the last included', () => {
    const method = { solver: rungeKutta(rk4), stepping: { numSteps: 3 } };
    const { error, outcome } = errorOf(strategy, { ...neural, ts: [0, 0.4, 1], method });
    expect(error).toBeLessThan(1e-12);
    expect(outcome.gradient.ts.every((t) => t !== 0)).toBe(true);
  });

  it('B10: takes the first step size for a constant, chosen by itself or given', () => {
    const free: Trial = {
      ...neural,
      ts: [0, 1],
      method: { solver: rungeKutta(dopri5), stepping: adaptive(1e-5) },
    };
    const { error, outcome } = errorOf(strategy, free);
    expect(error).toBeLessThan(1e-13);
    const firstStep = outcome.steps[0]!.t1;
    const given = runTrial(strategy, {
      ...free,
      method: { solver: rungeKutta(dopri5), stepping: adaptive(1e-5, firstStep) },
    });
    expect(given.steps).toEqual(outcome.steps);
    expect(given.gradient).toEqual(outcome.gradient);
  });

  it.each([dopri5, bosh3, dopri8].map((t) => [t.name, t] as const))(
    'B11: leaves nothing of %s alive after the backward pass, its last stage included',
    (_name, tableau) => {
      for (const steps of [4, 16]) {
        const method: Method = {
          solver: rungeKutta(tableau),
          stepping: { ...adaptive(1e9, 1 / steps), maxStep: 1 / steps },
        };
        const outcome = runTrial(strategy, { ...neural, ts: [0, 1], method });
        expect(outcome.forward.accepted).toBe(steps);
        expect(outcome).toMatchObject({ live: 0, bytes: 0 });
      }
    },
  );

  it('B12: may be pulled back again, to the same', () => {
    const method = { solver: rungeKutta(dopri5), stepping: adaptive(1e-4) };
    const { gradient, repeated } = runTrial(strategy, { ...neural, ts: [0, 1, 2], method });
    expect(repeated).toEqual(gradient);
  });
});

it('B11: checkpoint’s activations are those of one step, however many steps dopri5 takes', () => {
  const peak = (steps: number): number => {
    const stepping = { ...adaptive(1e9, 1 / steps), maxStep: 1 / steps };
    const method = { solver: rungeKutta(dopri5), stepping };
    return runTrial(checkpoint, { ...neural, ts: [0, 1], method }).stats.activationBytesPeak;
  };
  expect([4, 8, 16].map(peak)).toEqual([6 * 64, 6 * 64, 6 * 64]);
});

it('B3: every embedded pair has weights of the error that sum to 0, and fehlberg2 takes steps like its peers', () => {
  for (const { name, bError } of tableaux.tableaux!) {
    if (bError) expect([name, bError.reduce((sum, b) => sum + b, 0)]).toEqual([name, expect.closeTo(0, 14)]);
  }
  const evaluations = (tableau: typeof dopri5): number =>
    runTrial(symplectic, {
      ...neural,
      ts: [0, 1],
      method: { solver: rungeKutta(tableau), stepping: adaptive(1e-4) },
    }).stats.evaluationsForward;
  expect(evaluations(fehlberg2)).toBeLessThan(20 * evaluations(dopri5));
});

// B6: a step point was skipped where an output time came first. There are no step points besides the output times
// here; that each of those is reached, in whatever order they and the steps come, is this.
it('B6: no output time is skipped where a step ends just before it, on it, or beyond it', () => {
  for (const ts of [
    [0, 0.45, 0.5, 0.8, 1],
    [0, 0.4, 0.4 + 1e-12, 0.8],
    [0, 1e-12, 1, 1 + 1e-9],
  ]) {
    const method = { solver: rungeKutta(dopri5), stepping: adaptive(1e-3, 0.4) };
    const { steps, ys } = runTrial(symplectic, { ...neural, ts, method });
    const ends = steps.map((step) => step.t1);
    for (const t of ts.slice(1)) expect(ends).toContain(t);
    expect(ys.length).toBe(ts.length);
  }
});

// B13 was dead code and dense output computed for nothing. Nothing is evaluated here but what the counts say, which
// the contract tests pin for every strategy and solver; unused exports are refused by the build.
it('B13: no evaluation is made for dense output', () => {
  const method = { solver: rungeKutta(dopri5), stepping: adaptive(1e-4) };
  const { stats, evaluations } = runTrial(backprop, { ...neural, ts: [0, 1, 2], method });
  expect(evaluations).toBe(6 * (stats.accepted + stats.rejected) + 2);
});

// B14: a function that draws at random (dropout) gives another value when it is evaluated again. Core cannot know.
// Strategies that evaluate again cannot serve it; the one that does not is exact.
describe('B14: a function that is another at every evaluation', () => {
  const solve = (strategy: GradientStrategy) => {
    const engine = createFloat64Engine();
    let draws = 0;
    const masked = (mask: number) => ({
      parameters: [Float64Array.of(0.8)],
      value: (_t: number, y: Float64Array, [p]: readonly Float64Array[]) =>
        y.map((x) => mask * p![0]! * Math.sin(x)),
      pullback: (_t: number, y: Float64Array, [p]: readonly Float64Array[], k: Float64Array) => ({
        t: 0,
        y: k.map((ki, i) => mask * p![0]! * Math.cos(y[i]!) * ki),
        parameters: [Float64Array.of(k.reduce((sum, ki, i) => sum + ki * mask * Math.sin(y[i]!), 0))],
      }),
    });
    const draw = () => float64Field(engine, masked(1 + 0.5 * Math.sin(++draws)));
    const { parameters } = masked(1);
    const field = {
      engine,
      parameters,
      evaluate: (t: number, y: State<Float64Array>) => draw().evaluate(t, y),
      linearize: (t: number, y: State<Float64Array>) => draw().linearize(t, y),
    };
    const solver = rungeKutta(rk4);
    const solution = strategy.solve(
      { field, y0: [Float64Array.of(1)], ts: [0, 1] },
      { solver, stepping: { numSteps: 3 } },
    );
    const { y0, parameters: theta } = solution.pullback([undefined, [Float64Array.of(1)]]);
    // The same draws again, in the order of the forward pass.
    let again = 0;
    const replayed = {
      parameters,
      value: (t: number, y: Float64Array, p: readonly Float64Array[]) =>
        masked(1 + 0.5 * Math.sin(++again)).value(t, y, p),
      pullback: (t: number, y: Float64Array, p: readonly Float64Array[], k: Float64Array) =>
        masked(1 + 0.5 * Math.sin(again + 1)).pullback(t, y, p, k),
    };
    const steps = [0, 1, 2].map((n) => ({ t0: n / 3, t1: (n + 1) / 3, interval: 0, moves: [0, 0] as const }));
    steps[2]!.t1 = 1;
    const expected = tangentGradient(rk4, replayed, Float64Array.of(1), [0, 1], steps, [
      undefined,
      Float64Array.of(1),
    ]);
    const error =
      Math.abs(y0[0]![0]! - expected.y0[0]!) + Math.abs(theta[0]![0]! - expected.parameters[0]![0]!);
    solution.release();
    for (const x of [...y0, ...theta]) engine.release(x);
    expect(engine.live()).toBe(0);
    return error;
  };

  it('has the gradient of what was drawn by backprop, which evaluates nothing again', () => {
    expect(solve(backprop)).toBeLessThan(1e-14);
  });

  it('has another by strategies that evaluate again', () => {
    for (const strategy of [checkpoint, symplectic]) expect(solve(strategy)).toBeGreaterThan(1e-3);
  });
});

describe('B15: what the packages say of themselves', () => {
  const root = new URL('../../../', import.meta.url);
  const manifests = readdirSync(root).map(
    (name) =>
      [name, JSON.parse(readFileSync(new URL(`${name}/package.json`, root), 'utf8')) as Manifest] as const,
  );
  interface Manifest {
    readonly version: string;
    readonly license: string;
    readonly private?: boolean;
    readonly engines: Record<string, string>;
    readonly peerDependencies?: Record<string, string>;
  }

  it.each(manifests)(
    '%s has a licence, the same Node, and asks for the core that is there',
    (_, manifest) => {
      expect(manifest.license).toBe('MIT');
      expect(manifest.engines['node']).toBe('>=20');
      const core = manifests.find(([name]) => name === 'core')![1];
      const asked = manifest.peerDependencies?.['@odegrad/core'];
      if (asked !== undefined) expect(core.version.split('.')[0]).toBe(/^\^(\d+)/.exec(asked)![1]);
    },
  );

  it.each(manifests.filter(([, manifest]) => !manifest.private))(
    '%s carries the text of its licence',
    (name) => {
      expect(readFileSync(new URL(`${name}/LICENSE`, root), 'utf8')).toContain('MIT');
    },
  );
});

it('the continuous adjoint is not exact, says so, and has no defect of its own at the edges above', () => {
  expect(adjoint.exact).toBe(false);
  const method = { solver: rungeKutta(dopri5), stepping: adaptive(1e-9) };
  for (const trial of [
    { ...neural, ts: [0, 0.4, 1], method },
    { ...neural, ts: logspace(-3, 0.1, 10), method },
    { field: forcing, y0: Float64Array.of(1), ts: [1, 0], method },
  ]) {
    expect(errorOf(adjoint, trial).error).toBeLessThan(1e-6);
  }
  const ledger = createLedger();
  runTrial(adjoint, { ...neural, ts: [0, 1], method: { ...method, ledger } });
  expect(ledger.bytes).toBe(0);
});
