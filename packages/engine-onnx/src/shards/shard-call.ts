import {
  rungeKutta,
  sequentialKernel,
  type ButcherTableau,
  type Linearization,
  type SegmentCotangents,
  type SegmentLinearization,
  type Solver,
  type Span,
  type State,
  type VectorField,
} from '@odegrad/core';

import type { OnnxArray } from '../runtime/runtime.ts';

/** Steps that one call takes, at most. */
export const MOST_STEPS = 32;

/** What is asked of a field, at a point or over steps; the order is that of the codes in shared memory. */
export const operations = [
  'evaluate',
  'linearize',
  'vjp',
  'advance',
  'attempt',
  'linearizeSteps',
  'adjoint',
  'pullback',
  'pullbackSteps',
  'release',
] as const;

/** One call of a shard's field. */
export interface ShardCall {
  readonly operation: (typeof operations)[number];
  /** Where; of steps, four numbers each: their ends, and the times that f sees there. */
  readonly times: readonly number[];
  /** Whether `VectorField.read` is asked. */
  readonly read: boolean;
  readonly withTime: boolean;
  /** The linearization that is made, pulled back through or released. */
  readonly handle: number;
  /** At the ends of which steps there are cotangents, counted from 0. */
  readonly ends: readonly number[];
  readonly tableau: ButcherTableau | undefined;
}

/** What a call gives. The arrays belong to the caller. */
export interface ShardResult {
  readonly states: readonly State<OnnxArray>[];
  /** Summands of the parameters' cotangents. */
  readonly parameters: State<OnnxArray>;
  readonly t: number;
  /** Of the linearization, or held in between. */
  readonly bytes: number;
  readonly stateBytes: number;
  /** Of f, in an adjoint. */
  readonly evaluations: number;
}

/** A linearization that stays with the shard. */
export type Kept = Linearization<OnnxArray> | SegmentLinearization<OnnxArray>;

const nothing: ShardResult = {
  states: [],
  parameters: [],
  t: 0,
  bytes: 0,
  stateBytes: 0,
  evaluations: 0,
};

const pulled = ({ y, parameters }: SegmentCotangents<OnnxArray>): ShardResult => ({
  ...nothing,
  states: [y],
  parameters,
});

/** The numbers that spans are sent as. */
export const timesOf = (spans: readonly Span[]): number[] =>
  spans.flatMap(({ t0, t1, from = t0, to = t1 }) => [t0, t1, from, to]);

const spansOf = (times: readonly number[]): Span[] =>
  Array.from({ length: Math.floor(times.length / 4) }, (_, i): Span => {
    const [t0, t1, from, to] = times.slice(4 * i) as [number, number, number, number];
    return { t0, t1, from, to };
  });

/** The solvers of tableaus, each made once. */
const solvers = new WeakMap<ButcherTableau, Solver>();

function solverOf(tableau: ButcherTableau): Solver {
  let solver = solvers.get(tableau);
  if (!solver) solvers.set(tableau, (solver = rungeKutta(tableau)));
  return solver;
}

/**
 * Does what a call of a shard's field asks. Linearizations stay with the shard, under handles that the caller chooses: they
 * outlive the field, which knows the variables of one solve.
 */
export function perform(
  field: VectorField<OnnxArray>,
  linearizations: Map<number, Kept>,
  { operation, times, read, withTime, handle, ends, tableau }: ShardCall,
  inputs: readonly State<OnnxArray>[],
): ShardResult {
  const points = read ? field.read! : field;
  const [t] = times as readonly [number];
  const [y, second] = inputs as readonly [State<OnnxArray>, State<OnnxArray>];
  const spans = spansOf(times);
  const solver = () => solverOf(tableau!);
  const kernel = () => sequentialKernel(field, solver(), MOST_STEPS);
  switch (operation) {
    case 'evaluate':
      return { ...nothing, states: [points.evaluate(t, y)] };
    case 'linearize': {
      const made = points.linearize(t, y);
      linearizations.set(handle, made);
      return { ...nothing, states: [made.value], bytes: made.bytes };
    }
    case 'vjp': {
      const { value, bytes, ...cotangents } = points.vjp!(t, y, second, withTime);
      const states = [cotangents.y, ...(value ? [value] : [])];
      return { ...pulled(cotangents), t: cotangents.t, states, bytes };
    }
    case 'advance':
      return { ...nothing, states: kernel().advance(spans, y, 'states').states };
    case 'attempt': {
      const { y: y1, error, last } = field.compile!(solver())!.attempt!(spans[0]!, y, second);
      return { ...nothing, states: [y1, error, ...(last ? [last] : [])] };
    }
    case 'linearizeSteps': {
      const { states, linearization } = kernel().advance(spans, y, 'activations');
      const { bytes, stateBytes } = linearization!;
      linearizations.set(handle, linearization!);
      return { ...nothing, states, bytes, stateBytes };
    }
    case 'adjoint': {
      const { evaluations, bytes, stateBytes, ...result } = kernel().adjoint(
        spans,
        inputs.slice(0, -1),
        inputs.at(-1)!,
      );
      return { ...pulled(result), evaluations, bytes, stateBytes };
    }
    case 'pullback': {
      const result = (linearizations.get(handle) as Linearization<OnnxArray>).pullback(y, withTime);
      return { ...pulled(result), t: result.t };
    }
    case 'pullbackSteps': {
      const cotangents = Array.from({ length: ends.at(-1)! + 1 }, (_, n) => inputs[ends.indexOf(n)]);
      return pulled((linearizations.get(handle) as SegmentLinearization<OnnxArray>).pullback(cotangents));
    }
    case 'release':
      linearizations.get(handle)?.release();
      linearizations.delete(handle);
      return nothing;
  }
}
