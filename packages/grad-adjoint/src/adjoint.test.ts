import { createLedger, pi, rungeKutta, type Method, type Problem } from '@odegrad/core';
import { bosh3, dopri5, euler, midpoint, rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  describeCost,
  describeGradient,
  float64Field,
  neuralField,
  noiseVector,
  runTrial,
  spiral,
  type Trial,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import plugin, { adjoint, continuousAdjoint, type AdjointOptions } from './index.ts';
import * as exported from './index.ts';

describeGradient(adjoint, { solvers: [midpoint, dopri5].map(rungeKutta) });

describeCost(adjoint, [euler, midpoint, rk4, dopri5].map(rungeKutta), ({ steps, stages, components }) => ({
  evaluationsForward: stages * steps * components,
  // The backward equation is solved with as many steps, an evaluation and a pullback for each of its stages.
  evaluationsBackward: stages * steps * components,
  pullbacks: stages * steps * components,
  keptStates: components,
  activations: 1,
}));

describe('the package', () => {
  it('has these public names, and a plugin with the strategy', () => {
    expect(Object.keys(exported).sort()).toEqual(['adjoint', 'continuousAdjoint', 'default']);
    expect(plugin).toEqual({ name: '@odegrad/grad-adjoint', gradients: [adjoint] });
    expect(adjoint).toMatchObject({ name: 'adjoint', exact: false });
  });
});

describe('the continuous adjoint', () => {
  const adaptive: Method = {
    solver: rungeKutta(dopri5),
    stepping: { rtol: 1e-4, atol: 1e-6, controller: pi },
  };
  const trial: Trial = { field: neuralField(), y0: noiseVector(9, 3), ts: [0, 0.5, 2], method: adaptive };
  const backward = (options: AdjointOptions, given: Trial = trial) =>
    runTrial(continuousAdjoint(options), given).stats.evaluationsBackward;

  it('keeps the states at the output times alone, however many the steps', () => {
    for (const numSteps of [1, 10]) {
      const method = { solver: rungeKutta(rk4), stepping: { numSteps } };
      const { forward } = runTrial(adjoint, { ...trial, ts: [0, 1, 2, 3], method });
      expect(forward.keptStateBytes).toBe(3 * 3 * 8);
    }
  });

  it('holds nothing that grows with the output times but their states', () => {
    const method = { solver: rungeKutta(rk4), stepping: { numSteps: 2 } };
    const [few, many] = [4, 12].map((count) => {
      const ts = Array.from({ length: count }, (_, i) => i / 4);
      return runTrial(adjoint, { ...trial, ts, method }).stats.bytesPeak;
    }) as [number, number];
    expect(many - few).toBe(8 * 3 * 8);
  });

  it('takes its own tolerances: tighter ones take more evaluations, looser ones fewer', () => {
    const same = backward({});
    expect(backward({ rtol: 1e-4, atol: 1e-6 })).toBe(same);
    expect(backward({ rtol: 1e-8, atol: 1e-10 })).toBeGreaterThan(same);
    expect(backward({ rtol: 1e-1, atol: 1e-1 })).toBeLessThan(same);
  });

  it('takes its own solver and its own fixed steps', () => {
    // Two intervals of 5 steps; each of the three time gradients costs one evaluation more, not counted as steps.
    const { stats } = runTrial(
      continuousAdjoint({ solver: rungeKutta(bosh3), stepping: { numSteps: 5 } }),
      trial,
    );
    expect(stats.pullbacks).toBe(2 * 5 * 3);
    // Its steps may be fixed while those of the forward solve are not, and its solver need not estimate errors.
    const euler5 = runTrial(
      continuousAdjoint({ solver: rungeKutta(euler), stepping: { numSteps: 5 } }),
      trial,
    );
    expect(euler5.stats.pullbacks).toBe(2 * 5);
  });

  it('leaves the parameters out of the error norm unless told otherwise', () => {
    // Parameters whose cotangent grows large beside λ make the full norm ask for more steps.
    const stiff: Trial = { ...trial, field: spiral, y0: Float64Array.of(0.01, 0), ts: [0, 4] };
    const cut = backward({ rtol: 1e-6, atol: 1e-9 }, stiff);
    const full = backward({ rtol: 1e-6, atol: 1e-9, seminorm: false }, stiff);
    expect(cut).not.toBe(full);
  });

  it('reports the steps of its backward solve as backward steps', () => {
    const phases: string[] = [];
    const times: number[] = [];
    runTrial(adjoint, {
      ...trial,
      method: {
        ...adaptive,
        onStep({ phase, t }) {
          phases.push(phase);
          if (phase === 'backward') times.push(t);
        },
      },
    });
    expect(phases.lastIndexOf('forward')).toBeLessThan(phases.indexOf('backward'));
    // A trial is pulled back twice.
    const once = times.slice(0, times.length / 2);
    expect(times.slice(once.length)).toEqual(once);
    expect(once).toEqual(once.toSorted((a, b) => b - a));
    expect(once).toContain(0.5);
    expect(once.at(-1)).toBe(0);
  });

  it('counts no step of the backward solve as a forward one', () => {
    const ledger = createLedger();
    const engine = createFloat64Engine();
    const problem: Problem<Float64Array> = {
      field: float64Field(engine, neuralField()),
      y0: [noiseVector(9, 3)],
      ts: [0, 1],
    };
    const solution = adjoint.solve(problem, { ...adaptive, ledger });
    const { accepted, rejected } = ledger;
    solution.pullback([undefined, [noiseVector(8, 3)]]);
    expect(ledger).toMatchObject({ accepted, rejected });
  });

  it('solves nothing backward from outputs behind which there is no cotangent', () => {
    const [, second] = [noiseVector(1, 3), noiseVector(2, 3)];
    const early = runTrial(adjoint, {
      ...trial,
      cotangents: [undefined, second, undefined],
      timeGradients: false,
    });
    const late = runTrial(adjoint, {
      ...trial,
      cotangents: [undefined, undefined, second],
      timeGradients: false,
    });
    expect(early.stats.pullbacks).toBeLessThan(late.stats.pullbacks);
    const none = runTrial(adjoint, {
      ...trial,
      cotangents: [second, undefined, undefined],
      timeGradients: false,
    });
    expect(none.stats.pullbacks).toBe(0);
  });
});
