import {
  stagedStep,
  type ButcherTableau,
  type Cotangents,
  type FusedAdjoint,
  type FusedStep,
  type Linearization,
  type Span,
  type State,
  type VectorField,
} from '@odegrad/core';

import { addInto, release, type OnnxArray } from '../runtime/array.ts';

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
  'stagedAdjoint',
  'pullback',
  'release',
] as const;

/** One call of a block's field. */
export interface BlockCall {
  readonly operation: (typeof operations)[number];
  /** Where; of steps, the ends: one more than there are steps. */
  readonly times: readonly number[];
  /** Whether `VectorField.read` is asked. */
  readonly read: boolean;
  readonly withTime: boolean;
  /** The linearizations that are made, pulled back through (in order of time) or released. */
  readonly handles: readonly number[];
  readonly tableau: ButcherTableau | undefined;
}

/** What a call gives. The arrays belong to the caller. */
export interface BlockResult {
  readonly states: readonly State<OnnxArray>[];
  /** Summands of the parameters' cotangents. */
  readonly parameters: State<OnnxArray>;
  readonly t: number;
  /** Of each linearization, or held in between. */
  readonly bytes: number;
  readonly stateBytes: number;
}

const nothing: BlockResult = { states: [], parameters: [], t: 0, bytes: 0, stateBytes: 0 };

const pulled = ({ t, y, parameters }: Cotangents<OnnxArray>): BlockResult => ({
  ...nothing,
  states: [y],
  parameters,
  t,
});

/**
 * Does what a call of a block's field asks. Linearizations stay with the block, under handles that the caller chooses: they
 * outlive the field, which knows the variables of one solve.
 */
export function perform(
  field: VectorField<OnnxArray>,
  linearizations: Map<number, Linearization<OnnxArray>>,
  { operation, times, read, withTime, handles, tableau }: BlockCall,
  inputs: readonly State<OnnxArray>[],
): BlockResult {
  const points = read ? field.read! : field;
  const [t] = times as readonly [number];
  const [y, second] = inputs as readonly [State<OnnxArray>, State<OnnxArray>];
  const spans = times.slice(1).map((t1, i): Span => ({ t0: times[i]!, t1 }));
  const fused = () => field.fuse!(tableau!);
  const staged = () => stagedStep(field, tableau!);
  const adjoint = (pull: NonNullable<FusedStep<OnnxArray>['adjoint']>): BlockResult => {
    const {
      bytes,
      stateBytes = 0,
      ...result
    } = back(spans.length, inputs.at(-1)!, (n, cotangent) => pull(spans[n]!, inputs[n]!, cotangent));
    return { ...pulled({ t: 0, ...result }), bytes, stateBytes };
  };
  const kept = (made: readonly Linearization<OnnxArray>[]): BlockResult => {
    made.forEach((linearization, i) => linearizations.set(handles[i]!, linearization));
    const { bytes, stateBytes = 0 } = made[0]!;
    return { ...nothing, states: made.map(({ value }) => value), bytes, stateBytes };
  };
  switch (operation) {
    case 'evaluate':
      return { ...nothing, states: [points.evaluate(t, y)] };
    case 'linearize':
      return kept([points.linearize(t, y)]);
    case 'vjp': {
      const { value, bytes, ...cotangents } = points.vjp!(t, y, second, withTime);
      return { ...pulled(cotangents), states: [cotangents.y, ...(value ? [value] : [])], bytes };
    }
    case 'advance': {
      const { advance } = fused() ?? staged();
      const states: State<OnnxArray>[] = [];
      for (const span of spans) states.push(advance(span, states.at(-1) ?? y));
      return { ...nothing, states };
    }
    case 'attempt': {
      const { y: y1, error, last } = fused()!.attempt!(spans[0]!, y, second);
      return { ...nothing, states: [y1, error, ...(last ? [last] : [])] };
    }
    case 'linearizeSteps': {
      const { linearize } = fused() ?? staged();
      const made: Linearization<OnnxArray>[] = [];
      for (const span of spans) made.push(linearize!(span, made.at(-1)?.value ?? y));
      return kept(made);
    }
    case 'adjoint':
      return adjoint(fused()!.adjoint!);
    case 'stagedAdjoint':
      return adjoint(staged().adjoint);
    case 'pullback':
      return pulled(
        back(handles.length, y, (n, cotangent) =>
          linearizations.get(handles[n]!)!.pullback(cotangent, withTime),
        ),
      );
    case 'release':
      for (const handle of handles) {
        linearizations.get(handle)?.release();
        linearizations.delete(handle);
      }
      return nothing;
  }
}

/** Pulls a cotangent back over so many steps, the last first, and adds up what they give of the parameters. */
function back<T extends Pick<FusedAdjoint<OnnxArray>, 'y' | 'parameters'>>(
  count: number,
  cotangent: State<OnnxArray>,
  pull: (n: number, cotangent: State<OnnxArray>) => T,
): T {
  let all = pull(count - 1, cotangent);
  for (let n = count - 2; n >= 0; n--) {
    const { y, parameters } = all;
    all = pull(n, y);
    y.forEach(release);
    all.parameters.forEach((sum, i) => {
      addInto(sum, parameters[i]!.data);
      release(parameters[i]!);
    });
  }
  return all;
}
