import { pi, rungeKutta, type AdaptiveStepping, type Norm } from '@odegrad/core';
import { dopri5 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  float64Field,
  neuralField,
  noiseVector,
  type HandWrittenField,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { augmentedStepping } from './augmented-stepping.ts';
import { continuousAdjoint } from './adjoint.ts';
import type { AdjointOptions } from './options.ts';

const stepping: AdaptiveStepping = { rtol: 1e-3, atol: [1e-6, 2e-6], controller: pi };
const sizes = { parts: 2, parameters: 1 };

describe('tolerances and norm of the adjoint system', () => {
  it('are those of y for λ, and leave the parameters out', () => {
    expect(augmentedStepping(stepping, sizes, true)).toEqual({
      rtol: [1e-3, 1e-3, 1e-3, 1e-3, 1e-3],
      atol: [1e-6, 2e-6, 1e-6, 2e-6, Infinity],
      controller: pi,
    });
  });

  it('are the tightest for the parameters without the seminorm', () => {
    const { rtol, atol } = augmentedStepping({ ...stepping, rtol: [1e-2, 1e-4] }, sizes, false);
    expect(rtol).toEqual([1e-2, 1e-4, 1e-2, 1e-4, 1e-4]);
    expect(atol).toEqual([1e-6, 2e-6, 1e-6, 2e-6, 1e-6]);
    expect(augmentedStepping({ ...stepping, rtol: 1, atol: 0.5 }, sizes, false).atol).toEqual(
      Array(5).fill(0.5),
    );
  });

  it('ask a norm of the user about y and λ one by one', () => {
    const norm: Norm = ([first, second, ...more]) => (more.length > 0 ? NaN : first! + 10 * second!);
    const { norm: augmented } = augmentedStepping({ ...stepping, norm }, sizes, false);
    const ask = augmented as (byPart: readonly number[]) => number;
    expect(ask([1, 2, 3, 1, 0])).toBe(21);
    expect(ask([1, 2, 3, 4, 0])).toBe(43);
    expect(ask([1, 2, 3, 4, 99])).toBe(99);
    expect(augmentedStepping({ ...stepping, norm: 'max' }, sizes, true).norm).toBe('max');
  });
});

describe('an adjoint with tolerances by part', () => {
  const neural = neuralField();
  const solve = (given: Partial<AdaptiveStepping>, options: AdjointOptions = {}, unit = 1) => {
    const engine = createFloat64Engine();
    // The last entry of the state in another unit.
    const scaled: HandWrittenField = {
      ...neural,
      value: (t, y, p) => {
        const slope = neural.value(t, Float64Array.of(y[0]!, y[1]!, y[2]! / unit), p).slice();
        slope[2]! *= unit;
        return slope;
      },
      pullback: (t, y, p, k) => {
        const at = Float64Array.of(y[0]!, y[1]!, y[2]! / unit);
        const pulled = neural.pullback(t, at, p, Float64Array.of(k[0]!, k[1]!, k[2]! * unit));
        return { ...pulled, y: Float64Array.of(pulled.y[0]!, pulled.y[1]!, pulled.y[2]! / unit) };
      },
    };
    const [a, b, c] = noiseVector(9, 3);
    const solution = continuousAdjoint(options).solve(
      {
        field: float64Field(engine, scaled, { parts: [2, 1] }),
        y0: [Float64Array.of(a!, b!), Float64Array.of(c! * unit)],
        ts: [0, 1, 2],
      },
      { solver: rungeKutta(dopri5), stepping: { rtol: 1e-5, atol: 1e-7, controller: pi, ...given } },
    );
    const gradient = solution.pullback([
      undefined,
      undefined,
      [Float64Array.of(1, -1), Float64Array.of(1 / unit)],
    ]);
    const { stats } = solution;
    const numbers = [
      ...gradient.y0[0]!,
      ...gradient.y0[1]!.map((x) => x * unit),
      ...gradient.parameters.flatMap((x) => [...x]),
    ];
    solution.release();
    [...gradient.y0, ...gradient.parameters].forEach((x) => {
      engine.release(x);
    });
    expect(engine.live()).toBe(0);
    return { numbers, evaluations: stats.evaluationsBackward };
  };

  it.each([true, false])('is that of one number where all are the same, seminorm %s', (seminorm) => {
    const plain = solve({}, { seminorm });
    expect(solve({ rtol: [1e-5, 1e-5], atol: [1e-7, 1e-7] }, { seminorm })).toEqual(plain);
    expect(solve({ rtol: [1e-5, 1e-8], atol: [1e-7, 1e-10] }, { seminorm }).evaluations).toBeGreaterThan(
      plain.evaluations,
    );
    // Its own are for every part.
    const byPart = { rtol: [1e-5, 1e-9], atol: [1e-7, 1e-11] };
    const own = solve(byPart, { seminorm, rtol: 1e-5, atol: 1e-7 });
    expect(own.evaluations).toBe(plain.evaluations);
  });

  it.each<Norm>(['rms', 'max', (parts) => Math.max(...parts)])('comes out near the exact one: %s', (norm) => {
    const tight = solve({ rtol: 1e-10, atol: 1e-12 }).numbers;
    const { numbers } = solve({ norm });
    numbers.forEach((x, i) => {
      expect(Math.abs(x - tight[i]!)).toBeLessThan(1e-4);
    });
  });

  it('fails on a norm that makes no sense, and leaves nothing', () => {
    expect(() => solve({ norm: () => NaN })).toThrow('`norm` must give a number ≥ 0');
  });
});
