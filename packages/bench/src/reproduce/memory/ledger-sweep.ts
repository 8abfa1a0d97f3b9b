import { linearRegression } from 'simple-statistics';
import { openEngine } from '../../engines.ts';
import { differentiateChain } from '../../gradients/chain.ts';
import { denseChain } from '../../gradients/dense-chain.ts';
import type { ChainSizes } from '../../memory/chain.ts';
import { benchRegistry } from '../../registry.ts';
import { METHODS } from '../experiment.ts';

/** The sizes of the paper's table: steps, stages, layers, components. */
export const AXES = ['N', 's', 'L', 'M'] as const;
export type Axis = (typeof AXES)[number];

/** What the ledger counted for one strategy at one point, in states. */
export interface Counted extends ChainSizes {
  readonly strategy: string;
  /** The axis on which the point lies; all of them share the first. */
  readonly axis: Axis;
  readonly stages: number;
  readonly keptStates: number;
  readonly activationStates: number;
  /** Peak of everything. */
  readonly peakStates: number;
  readonly evaluations: number;
  readonly pullbacks: number;
}

/** Points on each axis; the first of each is the common one. */
export type Points = Readonly<Record<Axis, readonly ChainSizes[]>>;

/** The points from values along each axis. */
export function pointsOf(values: {
  readonly N: readonly number[];
  readonly s: readonly string[];
  readonly L: readonly number[];
  readonly M: readonly number[];
}): Points {
  const first = {
    steps: values.N[0]!,
    tableau: values.s[0]!,
    layers: values.L[0]!,
    components: values.M[0]!,
  };
  return {
    N: values.N.map((steps) => ({ ...first, steps })),
    s: values.s.map((tableau) => ({ ...first, tableau })),
    L: values.L.map((layers) => ({ ...first, layers })),
    M: values.M.map((components) => ({ ...first, components })),
  };
}

const SHAPE = { width: 8, batch: 16 };

/** Counts every strategy at every point, each stage evaluated by itself. Counts and bytes do not depend on the machine. */
export async function sweepLedger(points: Points, engineLabel: string): Promise<Counted[]> {
  const registry = benchRegistry({ fuse: false });
  const { engine } = await openEngine(engineLabel, registry);
  return AXES.flatMap((axis) =>
    points[axis].flatMap((sizes) => {
      const { layers, components, tableau, steps } = sizes;
      const open = denseChain(engine, { ...SHAPE, layers, components, seed: 1, dtype: 'float32' });
      const solver = registry.get('solver', tableau);
      const stateBytes = SHAPE.width * SHAPE.batch * Float32Array.BYTES_PER_ELEMENT;
      try {
        return METHODS.map((strategy): Counted => {
          const method = { solver, stepping: { numSteps: steps } };
          const run = differentiateChain(open.chain, registry.get('gradient', strategy), method);
          run.release();
          const { ledger } = run;
          return {
            strategy,
            axis,
            ...sizes,
            stages: solver.stages,
            keptStates: run.keptStateBytes / stateBytes,
            activationStates: ledger.activationBytesPeak / stateBytes,
            peakStates: ledger.bytesPeak / stateBytes,
            evaluations: ledger.evaluationsForward + ledger.evaluationsBackward,
            pullbacks: ledger.pullbacks,
          };
        });
      } finally {
        open.dispose();
      }
    }),
  );
}

/** What a quantity is proportional to along an axis. */
const sizeOn: Readonly<Record<Axis, (row: Counted) => number>> = {
  N: (row) => row.steps,
  s: (row) => row.stages,
  L: (row) => row.layers,
  M: (row) => row.components,
};

/** The power with which `quantity` of a strategy grows along an axis: the slope between logarithms. */
export function power(
  rows: readonly Counted[],
  strategy: string,
  axis: Axis,
  quantity: (row: Counted) => number,
): number {
  const along = rows.filter((row) => row.strategy === strategy && row.axis === axis);
  return linearRegression(along.map((row) => [Math.log(sizeOn[axis](row)), Math.log(quantity(row))])).m;
}
