import { dopri5, rk4 } from '@odegrad/tableaux';
import { createFloat64Engine, float64Field, linear } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { checkTimes } from './check-times.ts';
import { pi } from '../stepping/controllers.ts';
import { ArgumentError } from '../arguments/errors.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { forward } from './schedule.ts';
import type { Method } from '../types/problem.ts';
import type { FixedStepping } from '../types/stepping.ts';

/** What a solve with these arguments says, having evaluated and made nothing. */
function refusal(
  ts: readonly number[],
  method: Partial<Method>,
  y0: Float64Array[] = [Float64Array.of(1)],
): string {
  const engine = createFloat64Engine();
  let evaluations = 0;
  const field = float64Field(engine, linear(1), { before: () => (evaluations += 1) });
  let message = 'no error';
  try {
    forward.solve({ field, y0, ts }, { solver: rungeKutta(dopri5), stepping: { numSteps: 2 }, ...method });
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    message = (error as Error).message;
  }
  expect(evaluations).toBe(0);
  expect(engine.live()).toBe(0);
  return message;
}

const good = [0, 1];
const fixed = (stepping: object): Partial<Method> => ({ stepping: stepping as FixedStepping });
const adaptive = (stepping: object): Partial<Method> => ({
  stepping: { rtol: 1e-3, atol: 1e-6, controller: pi, ...stepping },
});

describe('what a solve refuses before it begins, saying why and what would do', () => {
  it('output times', () => {
    const lists = [
      [],
      [0, 1, 0.5],
      [1, 0, 0.5],
      [0, 1, 0],
      [0, 0, 1, 0.5],
      [0, NaN],
      [0, 1, Infinity],
      [NaN, 0],
    ];
    expect(lists.map((ts) => refusal(ts, {}))).toMatchInlineSnapshot(`
      [
        "\`ts\` needs at least one time, the start, got none.",
        "\`ts\` must be increasing or decreasing, with repeats if need be, but turns back between ts[1] = 1 and ts[2] = 0.5. Sort the times.",
        "\`ts\` must be increasing or decreasing, with repeats if need be, but turns back between ts[1] = 0 and ts[2] = 0.5. Sort the times.",
        "\`ts\` must be increasing or decreasing, with repeats if need be, but turns back between ts[1] = 1 and ts[2] = 0. Sort the times.",
        "\`ts\` must be increasing or decreasing, with repeats if need be, but turns back between ts[2] = 1 and ts[3] = 0.5. Sort the times.",
        "\`ts[1]\` is NaN; times must be finite.",
        "\`ts[2]\` is Infinity; times must be finite.",
        "\`ts[0]\` is NaN; times must be finite.",
      ]
    `);
    for (const ts of lists) {
      expect(() => {
        checkTimes(ts);
      }).toThrow(ArgumentError);
    }
    for (const ts of [
      [1],
      [0, 0],
      [0, 1, 1],
      [1, 1, 0, 0, -1],
      [0, 1],
      [1, 0],
      [-1, 0, 5],
      [1, 1 + Number.EPSILON],
    ]) {
      expect(() => {
        checkTimes(ts);
      }).not.toThrow();
    }
  });

  it('states', () => {
    expect(refusal(good, {}, [])).toMatchInlineSnapshot(`"y0 has no parts; give at least one array."`);
  });

  it('step counts and sizes', () => {
    const list = [
      { numSteps: 0 },
      { numSteps: -1 },
      { numSteps: 1.5 },
      { numSteps: NaN },
      { numSteps: Infinity },
    ];
    expect(list.map((stepping) => refusal(good, fixed(stepping)))).toMatchInlineSnapshot(`
      [
        "\`numSteps\` is the number of equal steps between neighbouring output times: a positive integer, not 0.",
        "\`numSteps\` is the number of equal steps between neighbouring output times: a positive integer, not -1.",
        "\`numSteps\` is the number of equal steps between neighbouring output times: a positive integer, not 1.5.",
        "\`numSteps\` is the number of equal steps between neighbouring output times: a positive integer, not NaN.",
        "\`numSteps\` is the number of equal steps between neighbouring output times: a positive integer, not Infinity.",
      ]
    `);
    const sizes = [{ stepSize: 0 }, { stepSize: -0.1 }, { stepSize: NaN }];
    expect(sizes.map((stepping) => refusal(good, fixed(stepping)))).toMatchInlineSnapshot(`
      [
        "\`stepSize\` must be positive, not 0.",
        "\`stepSize\` must be positive, not -0.1.",
        "\`stepSize\` must be positive, not NaN.",
      ]
    `);
  });

  it('tolerances and step bounds', () => {
    const list = [
      { rtol: -1 },
      { rtol: NaN },
      { atol: Infinity },
      { atol: undefined },
      { rtol: 0, atol: 0 },
      { rtol: [1e-3, 1e-3] },
      { atol: [] },
      { rtol: [-1] },
      { atol: [NaN] },
      { atol: ['1e-3'] },
      { rtol: [Infinity] },
      { rtol: [0], atol: [0] },
      { atol: [Infinity] },
      { norm: 'l2' },
      { force: 1 },
      { force: true },
      { minStep: 0.2, maxStep: 0.1 },
      { minStep: 0.2, firstStep: 0.1 },
      { firstStep: 0 },
      { firstStep: -1 },
      { maxStep: 0 },
      { minStep: -1e-9 },
      { minStep: NaN },
    ];
    expect(list.map((stepping) => refusal(good, adaptive(stepping)))).toMatchInlineSnapshot(`
      [
        "\`rtol\` must be ≥ 0, not -1.",
        "\`rtol\` must be ≥ 0, not NaN.",
        "\`atol\` must be ≥ 0, not Infinity.",
        "\`atol\` must be a number, not undefined.",
        "\`rtol\` and \`atol\` are both 0; no step could be accepted.",
        "\`rtol\` has 2 numbers, but y0 has 1 part: give one for each, or one number for all.",
        "\`atol\` has 0 numbers, but y0 has 1 part: give one for each, or one number for all.",
        "\`rtol\` is a list of numbers ≥ 0, one for each part of y0, but entry 0 must be ≥ 0, not -1.",
        "\`atol\` is a list of numbers ≥ 0, one for each part of y0, but entry 0 must be ≥ 0, not NaN.",
        "\`atol\` is a list of numbers ≥ 0, one for each part of y0, but entry 0 must be a number, not '1e-3'.",
        "\`rtol\` is a list of numbers ≥ 0, one for each part of y0, but entry 0 must be ≥ 0, not Infinity.",
        "\`rtol\` and \`atol\` are both 0 in part 0 of y0 (counted from 0); no step could be accepted.",
        "\`atol\` is Infinity in every part, which leaves none to choose steps by.",
        "\`norm\` must be 'rms', 'max' or a function of the scaled errors by part, not 'l2'.",
        "\`force\` must be true or false, not 1.",
        "\`force\` accepts steps of the size \`minStep\`; give that too.",
        "\`minStep\` is 0.2, which is above \`maxStep\`, 0.1.",
        "\`firstStep\` is 0.1, which is below \`minStep\`, 0.2.",
        "\`firstStep\` must be positive, not 0.",
        "\`firstStep\` must be positive, not -1.",
        "\`maxStep\` must be positive, not 0.",
        "\`minStep\` must be ≥ 0, not -1e-9.",
        "\`minStep\` must be ≥ 0, not NaN.",
      ]
    `);
    for (const stepping of [{ rtol: 0 }, { atol: 0 }, { minStep: 0, maxStep: Infinity, firstStep: 0.1 }]) {
      // Evaluates, and so is not for `refusal`.
      const field = float64Field(createFloat64Engine(), linear(1));
      const method = { solver: rungeKutta(dopri5), ...adaptive(stepping) } as Method;
      expect(forward.solve({ field, y0: [Float64Array.of(1)], ts: good }, method).ys.length).toBe(2);
    }
  });

  it('numbers of steps', () => {
    expect([0, -1, NaN].map((maxSteps) => refusal(good, { maxSteps }))).toMatchInlineSnapshot(`
      [
        "\`maxSteps\` must be positive, not 0.",
        "\`maxSteps\` must be positive, not -1.",
        "\`maxSteps\` must be positive, not NaN.",
      ]
    `);
  });

  it('solvers that cannot choose their steps', () => {
    expect(refusal(good, { solver: rungeKutta(rk4), ...adaptive({ firstStep: 0.1 }) })).toMatchInlineSnapshot(
      `"Solver 'rk4' estimates no error, so it cannot choose its own steps. Give \`numSteps\` or \`stepSize\`, or take a solver with an embedded error such as 'dopri5'."`,
    );
  });
});
