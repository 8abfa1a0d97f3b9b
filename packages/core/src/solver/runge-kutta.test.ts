import tableaux, { dopri5, dopri8, euler, midpoint, rk4 } from '@odegrad/tableaux';
import {
  createFloat64Engine,
  describeSolver,
  float64Field,
  jump,
  linear,
  neuralField,
  noiseVector,
  spiral,
} from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { isTableau, rungeKutta } from './runge-kutta.ts';
import { stageTime } from './span.ts';
import { solutionStages } from './tableau.ts';
import { verifyTableau } from './verify-tableau.ts';
import { type ButcherTableau } from '../types/tableau.ts';
import type { Span } from '../types/span.ts';
import type { Stage, StageEvaluator } from '../types/solver.ts';
import type { VectorField } from '../types/field.ts';

type A = Float64Array;

const evaluatorOf = (field: VectorField<A>, seen: Stage<A>[] = []): StageEvaluator<A> => ({
  engine: field.engine,
  at(span, node, y) {
    const t = stageTime(span, node);
    const stage = { t, y, slope: field.evaluate(t, y) };
    seen.push(stage);
    return stage;
  },
});
const table = tableaux.tableaux!.map((tableau) => [tableau.name, tableau] as const);

describe.each(table)('the step of %s', (_, tableau) => {
  const solver = rungeKutta(tableau);

  it('evaluates f at the abscissae, the ends of the step being what they are', () => {
    // 0.1 + 0.2 is not 0.3 in float64: a last abscissa at t0 + h would miss t1.
    for (const span of [
      { t0: 0.1, t1: 0.3 },
      { t0: 0.7, t1: -0.4 },
      { t0: 1e9, t1: 1e9 + 0.3 },
    ]) {
      const seen: Stage<A>[] = [];
      const field = float64Field(createFloat64Engine(), spiral);
      solver.step(evaluatorOf(field, seen), span, [noiseVector(1, 2)], { error: true });
      const order = [...solutionStages(tableau)];
      if (tableau.bError) tableau.b.forEach((_b, i) => order.includes(i) || order.push(i));
      const h = span.t1 - span.t0;
      const at = (i: number): number =>
        tableau.c[i] === 0 ? span.t0 : tableau.c[i] === 1 ? span.t1 : span.t0 + tableau.c[i]! * h;
      expect(seen.map((stage) => stage.t)).toEqual(order.map(at));
    }
  });

  it('multiplies by its stability polynomial on y′ = λy', () => {
    // R(z) = 1 + Σ z^(k+1) bᵀ Aᵏ 1 (Hairer & Wanner, Solving ODEs II, IV.2).
    const z = -0.8;
    let [power, power1]: [number[], number] = [tableau.b.map(() => 1), z];
    let expected = 1;
    for (let k = 0; k < tableau.b.length; k++) {
      expected += power1 * tableau.b.reduce((sum, b, i) => sum + b * power[i]!, 0);
      power = tableau.a.map((row) => row.reduce((sum, a, j) => sum + a * power[j]!, 0));
      power1 *= z;
    }
    const field = float64Field(createFloat64Engine(), linear(-2));
    const step = solver.step(evaluatorOf(field), { t0: 0, t1: 0.4 }, [Float64Array.of(1)], {
      error: false,
    });
    expect(step.y[0]![0]).toBeCloseTo(expected, 14);
  });

  it('does not evaluate what y₁ does not need, unless the error is asked for', () => {
    for (const error of [false, true]) {
      const seen: Stage<A>[] = [];
      const field = float64Field(createFloat64Engine(), spiral);
      const step = solver.step(evaluatorOf(field, seen), { t0: 0, t1: 0.1 }, [noiseVector(1, 2)], {
        error,
      });
      const all = error && tableau.bError !== undefined;
      expect(seen.length).toBe(all ? tableau.b.length : solver.stages);
      expect(step.error === undefined).toBe(!all);
      expect(step.stages).toEqual(seen.slice(0, solver.stages));
    }
  });
});

/**
 * The symplectic adjoint in the form of Matsubara, Miyatake and Yaguchi, with Matsuda and Miyatake's generalization to
 * weights that are zero: Λᵢ and lᵢ instead of cotangents of slopes, b̃ᵢ = h where bᵢ = 0. An independent derivation.
 */
function symplecticForm(tableau: ButcherTableau, field: VectorField<A>, span: Span, y: A, lambda: A) {
  const { a, b } = tableau;
  const h = span.t1 - span.t0;
  const stages = rungeKutta(tableau).restage(evaluatorOf(field), span, [y], 'all');
  const main = solutionStages(tableau);
  const weight = b.map((bi) => (bi === 0 ? h : bi));
  const l: (A | undefined)[] = b.map(() => undefined);
  const parameters = field.parameters.map((p) => p.map(() => 0));
  for (const i of [...main].reverse()) {
    const Lambda = lambda.map((x, m) => {
      const sum = main
        .filter((j) => j > i)
        .reduce((total, j) => total + weight[j]! * a[j]![i]! * l[j]![m]!, 0);
      return b[i] === 0 ? -sum : x - (h * sum) / b[i]!;
    });
    const stage = stages[main.indexOf(i)]!;
    const pulled = field.linearize(stage.t, stage.y).pullback([Lambda], false);
    l[i] = pulled.y[0]!.map((x) => -x);
    pulled.parameters.forEach((p, m) => p.forEach((x, e) => (parameters[m]![e]! += h * weight[i]! * x)));
  }
  const start = lambda.map((x, m) => x - h * main.reduce((sum, i) => sum + weight[i]! * l[i]![m]!, 0));
  return { y: start, parameters };
}

describe.each(table)('the pullback of a step of %s', (_, tableau) => {
  it.each([
    { t0: 0.2, t1: 0.9 },
    { t0: 0.9, t1: 0.2 },
  ])('is the symplectic adjoint of the paper, from $t0 to $t1', (span) => {
    const engine = createFloat64Engine();
    const field = float64Field(engine, neuralField());
    const [y, lambda] = [noiseVector(2, 3), noiseVector(3, 3)];
    const solver = rungeKutta(tableau);
    const stages = solver.restage(evaluatorOf(field), span, [y], 'all');
    const parameters = field.parameters.map((p) => p.map(() => 0));
    const step = solver.adjointStep({
      engine,
      span,
      cotangent: [lambda],
      pullback(index, k) {
        const pulled = field.linearize(stages[index]!.t, stages[index]!.y).pullback(k, false);
        pulled.parameters.forEach((p, m) => p.forEach((x, e) => (parameters[m]![e]! += x)));
        return { y: pulled.y, t: 0 };
      },
      withTime: false,
    });
    const expected = symplecticForm(tableau, field, span, y, lambda);
    const scale = Math.max(...lambda.map(Math.abs), 1);
    step.y[0]!.forEach((x, m) => expect(Math.abs(x - expected.y[m]!)).toBeLessThan(1e-14 * scale));
    parameters.forEach((p, m) =>
      p.forEach((x, e) => expect(Math.abs(x - expected.parameters[m]![e]!)).toBeLessThan(1e-14 * scale)),
    );
    expect([step.t0 + step.t1]).toEqual([0]);
  });
});

/** Heun's method with Shu and Osher's of order 3 beside it: its last stage serves the error alone, and is not at y₁. */
const heunWithin: ButcherTableau = {
  name: 'heun_within_ssprk33',
  order: 2,
  embeddedOrder: 3,
  reference: 'Shu & Osher (1988), and the first two stages of it',
  a: [[], [1], [1 / 4, 1 / 4]],
  b: [1 / 2, 1 / 2, 0],
  c: [0, 1, 1 / 2],
  bError: [1 / 3, 1 / 3, -2 / 3],
};
describeSolver(rungeKutta(verifyTableau(heunWithin)));

describe('a Runge–Kutta solver', () => {
  it('carries its tableau and claims no more than it', () => {
    expect(rungeKutta(dopri5)).toMatchObject({ name: 'dopri5', order: 5, embeddedOrder: 4, stages: 6 });
    expect(rungeKutta(dopri8).stages).toBe(13);
    expect(rungeKutta(rk4).tableau).toBe(rk4);
    expect('embeddedOrder' in rungeKutta(rk4)).toBe(false);
  });

  it('is told from a tableau', () => {
    expect(isTableau(rk4)).toBe(true);
    expect(isTableau(rungeKutta(rk4))).toBe(false);
  });

  it('evaluates a field that jumps in time on the side where the stage is', () => {
    // t = 0.5 is the end of the first step and the start of the second, and on the right of the jump in both.
    const seen: Stage<A>[] = [];
    const field = float64Field(createFloat64Engine(), jump);
    const y = [Float64Array.of(1)];
    const solver = rungeKutta(midpoint);
    solver.step(evaluatorOf(field, seen), { t0: 0.5, t1: 1 }, y, { error: false });
    expect(seen[0]!.slope![0]![0]).toBeCloseTo(-0.7 * Math.sin(1), 14);
  });

  it('takes a step of size 0 to be none, and pulls the cotangent back unchanged', () => {
    const engine = createFloat64Engine();
    const field = float64Field(engine, spiral);
    const [y, lambda] = [[noiseVector(1, 2)], [noiseVector(2, 2)]];
    const span = { t0: 1, t1: 1 };
    for (const tableau of [euler, rk4, dopri5]) {
      const solver = rungeKutta(tableau);
      const step = solver.step(evaluatorOf(field), span, y, { error: true });
      expect(step.y).toEqual(y);
      const stages = solver.restage(evaluatorOf(field), span, y, 'all');
      const pulled = solver.adjointStep({
        engine,
        span,
        cotangent: lambda,
        pullback(index, k) {
          const { value, pullback } = field.linearize(stages[index]!.t, stages[index]!.y);
          return { ...pullback(k, true), slope: value };
        },
        withTime: true,
      });
      expect(pulled.y).toEqual(lambda);
      // Moving the end of the step moves y₁ along f.
      const slope = spiral.value(1, y[0]!, spiral.parameters);
      const rate = slope.reduce((sum, x, i) => sum + x * lambda[0]![i]!, 0);
      expect(pulled.t1).toBeCloseTo(rate, 14);
      expect(pulled.t0).toBeCloseTo(-rate, 14);
    }
  });
});
