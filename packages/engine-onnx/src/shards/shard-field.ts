import {
  type Cotangents,
  type FieldAtPoints,
  type Solver,
  type Span,
  type State,
  type StepKernel,
  type VectorField,
} from '@odegrad/core';

import type { OnnxArray } from '../runtime/runtime.ts';
import { timesOf, type ShardCall, type ShardResult } from './shard-call.ts';
import type { GroupSolve } from './shard-group.ts';
import { releasedOnce } from '@odegrad/trace';

let handles = 0;

const usual: ShardCall = {
  operation: 'evaluate',
  times: [],
  read: false,
  withTime: false,
  handle: -1,
  ends: [],
  tableau: undefined,
};

const cotangents = ({ t, states, parameters }: ShardResult): Cotangents<OnnxArray> => ({
  t,
  y: states[0]!,
  parameters,
});

/** A vector field whose calls are calls of all its shards. */
export function shardedField(
  { own, longest, call }: GroupSolve,
  { engine, parameters }: Pick<VectorField<OnnxArray>, 'engine' | 'parameters'>,
): VectorField<OnnxArray> {
  /** What a linearization gives, and the way back by its handle. */
  const linearized = <Asked extends unknown[]>(
    how: Partial<ShardCall>,
    y: State<OnnxArray>,
    pullback: (back: ShardCall, ...asked: Asked) => Cotangents<OnnxArray>,
  ) => {
    const handle = handles++;
    const release = (): void => {
      call({ ...usual, operation: 'release', handle }, []);
    };
    const made = (): ShardResult => {
      try {
        return call({ ...usual, ...how, handle }, [y]);
      } catch (error) {
        // Some of the shards may have it.
        release();
        throw error;
      }
    };
    const { states, bytes, stateBytes } = made();
    const linearization = releasedOnce({
      bytes,
      stateBytes,
      pullback: (...asked: Asked) => pullback({ ...usual, handle }, ...asked),
      release,
    });
    return { states, linearization };
  };

  const atPoints = (
    read: boolean,
  ): Omit<FieldAtPoints<OnnxArray>, 'vjp'> & Required<Pick<FieldAtPoints<OnnxArray>, 'vjp'>> => ({
    evaluate: (t, y) => call({ ...usual, times: [t], read }, [y]).states[0]!,
    linearize(t, y) {
      const how = { operation: 'linearize', times: [t], read } as const;
      const { states, linearization } = linearized(
        how,
        y,
        (back, cotangent: State<OnnxArray>, withTime: boolean) =>
          cotangents(call({ ...back, operation: 'pullback', withTime }, [cotangent])),
      );
      return { ...linearization, value: states[0]! };
    },
    vjp(t, y, cotangent, withTime) {
      const how = { ...usual, operation: 'vjp', times: [t], read, withTime } as const;
      const result = call(how, [y, cotangent]);
      const value = result.states[1];
      return { ...cotangents(result), bytes: result.bytes, ...(value && { value }) };
    },
  });

  // Where a shard has no model of a step, it takes steps stage by stage.
  const compile = (solver: Solver): StepKernel<OnnxArray> | undefined => {
    const { tableau } = solver;
    if (!tableau) return undefined;
    const step = own.compile!(solver);
    const over = (spans: readonly Span[], operation: ShardCall['operation']): ShardCall => ({
      ...usual,
      operation,
      times: timesOf(spans),
      tableau,
    });
    return {
      // The threads do not wait for one another between steps, and each adds up its own summands of the parameters.
      longest,
      // Whether a step's are worth their memory is known when a gradient asks.
      get alive() {
        return step?.alive ?? 'stage';
      },
      advance(spans, y, keep) {
        if (keep === 'states') return { states: call(over(spans, 'advance'), [y]).states };
        return linearized(
          over(spans, 'linearizeSteps'),
          y,
          (back, ends: readonly (State<OnnxArray> | undefined)[]) => {
            const given = ends.flatMap((end, n) => (end ? [{ end, n }] : []));
            const how = { ...back, operation: 'pullbackSteps', ends: given.map(({ n }) => n) } as const;
            return cotangents(
              call(
                how,
                given.map(({ end }) => end),
              ),
            );
          },
        );
      },
      adjoint(spans, ys, cotangent) {
        const result = call(over(spans, 'adjoint'), [...ys, cotangent]);
        const { evaluations, bytes, stateBytes } = result;
        // The states of several steps are gathered for the call.
        const gathered = ys.length === 1 ? 0 : ys.flat().reduce((sum, x) => sum + x.kind.bytes, 0);
        return { ...cotangents(result), evaluations, bytes, stateBytes: stateBytes + gathered };
      },
      ...(step?.attempt && {
        attempt(span: Span, y: State<OnnxArray>, slope: State<OnnxArray>) {
          const [y1, error, last] = call(over([span], 'attempt'), [y, slope]).states;
          return {
            y: y1!,
            error: error!,
            ...(last && { last }),
            evaluations: tableau.b.length - 1,
          };
        },
      }),
    };
  };

  return { engine, parameters, compile, ...atPoints(false), read: atPoints(true) };
}
