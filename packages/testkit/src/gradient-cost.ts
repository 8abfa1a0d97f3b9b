import { createLedger, type GradientStrategy, type Solution, type Solver, type State } from '@odegrad/core';
import { describe, expect, it } from 'vitest';
import { createFloat64Engine } from './float64-engine.ts';
import { float64Field } from './field.ts';
import { neuralField, noiseVector } from './problems.ts';

/** Solves of N equal steps of s stages, M of which follow one another. */
export interface Shape {
  readonly steps: number;
  readonly stages: number;
  readonly components: number;
}

/** What solving all components and pulling back through them costs. */
export interface Cost {
  readonly evaluationsForward: number;
  readonly evaluationsBackward: number;
  readonly pullbacks: number;
  /** States kept between the forward and the backward pass. */
  readonly keptStates: number;
  /** The most activations alive at once, in evaluations of f. */
  readonly activations: number;
  /** Steps advanced again. */
  readonly extraSteps?: number;
}

/** What a solve costs, and what it holds. */
export interface MeasuredCost {
  readonly cost: Required<Cost>;
  /** The most bytes there were of everything, and of kept states and activations (their peaks, added up). */
  readonly bytesPeak: number;
  readonly keptPeak: number;
  /** Bytes on the books between the passes, and after the backward pass. */
  readonly between: number;
  readonly after: number;
  /** Arrays alive and bytes on the books after everything was released. */
  readonly live: number;
}

/** Solves M components one after the other and pulls back through all, counting into one ledger. */
export function measureCost(
  strategy: GradientStrategy,
  solver: Solver,
  { steps, components }: Shape,
  activationBytes: number,
): MeasuredCost {
  const engine = createFloat64Engine();
  const ledger = createLedger();
  type S = State<Float64Array>;
  const solutions: Solution<Float64Array>[] = [];
  let y: S = [noiseVector(3, 4)];
  for (let m = 0; m < components; m++) {
    const field = float64Field(engine, { ...neuralField(4, 2, m), activationBytes });
    const stepping = { numSteps: steps };
    const solution = strategy.solve({ field, y0: y, ts: [0, 1] }, { solver, stepping, ledger });
    solutions.push(solution);
    y = solution.ys[1]!;
  }
  const { keptStateBytes, bytes: between } = ledger;
  let cotangent: S = [noiseVector(4, 4)];
  const owned: Float64Array[] = [];
  for (const solution of solutions.toReversed()) {
    const gradient = solution.pullback([undefined, cotangent]);
    owned.push(...gradient.y0, ...gradient.parameters);
    cotangent = gradient.y0;
    // What a component holds is not to wait for the others; the first is looked at before it goes.
    if (solution !== solutions[0]) solution.release();
  }
  const after = ledger.bytes;
  solutions[0]!.release();
  for (const x of owned) engine.release(x);
  const { evaluationsForward, evaluationsBackward, pullbacks, extraSteps } = ledger;
  return {
    cost: {
      ...{ evaluationsForward, evaluationsBackward, pullbacks, extraSteps },
      keptStates: keptStateBytes / (4 * 8),
      activations: ledger.activationBytesPeak / activationBytes,
    },
    bytesPeak: ledger.bytesPeak,
    keptPeak: ledger.keptStateBytesPeak + ledger.activationBytesPeak,
    between,
    after,
    live: engine.live() + ledger.bytes,
  };
}

/** Registers the tests that a solve costs exactly what the strategy promises. */
export function describeCost(
  strategy: GradientStrategy,
  solvers: readonly Solver[],
  cost: (shape: Shape) => Cost,
): void {
  describe.each(solvers.map((solver) => [solver.name, solver] as const))(
    `${strategy.name} with %s`,
    (_, solver) => {
      it.each([
        [1, 1],
        [2, 1],
        [7, 1],
        [1, 3],
        [5, 2],
      ])('costs what it promises for %i steps and %i components', (steps, components) => {
        const shape = { steps, components, stages: solver.stages };
        const promised = { extraSteps: 0, ...cost(shape) };
        // Twice the layers are twice the bytes of an evaluation.
        for (const activationBytes of [96, 192]) {
          expect(measureCost(strategy, solver, shape, activationBytes)).toMatchObject({
            cost: promised,
            live: 0,
          });
        }
      });

      it('holds nothing that grows with the steps but what it keeps of them, and after the pullback no more than before', () => {
        const [few, many] = [3, 11].map((steps) =>
          measureCost(strategy, solver, { steps, components: 1, stages: solver.stages }, 96),
        ) as [MeasuredCost, MeasuredCost];
        expect(many.bytesPeak - few.bytesPeak).toBe(many.keptPeak - few.keptPeak);
        expect(many.after).toBeLessThanOrEqual(many.between);
      });
    },
  );
}
