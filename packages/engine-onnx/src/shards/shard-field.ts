import {
  type ButcherTableau,
  type Cotangents,
  type FieldAtPoints,
  type FusedAdjoint,
  type FusedStep,
  type Linearization,
  type Span,
  type State,
  type VectorField,
} from '@odegrad/core';

import type { OnnxArray } from '../runtime/array.ts';
import type { BlockCall, BlockResult } from './shard-call.ts';
import type { TeamSolve } from './shard-group.ts';
import { tooLate } from '@odegrad/trace';

let handles = 0;

const usual: BlockCall = {
  operation: 'evaluate',
  times: [],
  read: false,
  withTime: false,
  handles: [],
  tableau: undefined,
};

const cotangents = ({ t, states, parameters }: BlockResult): Cotangents<OnnxArray> => ({
  t,
  y: states[0]!,
  parameters,
});

/** A vector field whose calls are calls of all its blocks. */
export function blockField(
  { own, longest, call }: TeamSolve,
  { engine, parameters }: Pick<VectorField<OnnxArray>, 'engine' | 'parameters'>,
): VectorField<OnnxArray> {
  /** The linearizations that were not released. */
  const handleOf = new WeakMap<Linearization<OnnxArray>, number>();
  const pullback = (
    made: readonly Linearization<OnnxArray>[],
    cotangent: State<OnnxArray>,
    withTime: boolean,
  ): Cotangents<OnnxArray> => {
    const known = made.map((linearization) => {
      const handle = handleOf.get(linearization);
      if (handle === undefined) throw tooLate();
      return handle;
    });
    return cotangents(call({ ...usual, operation: 'pullback', handles: known, withTime }, [cotangent]));
  };
  /** So many linearizations by one call. */
  const linearized = (
    how: Pick<BlockCall, 'operation' | 'times'> & Partial<BlockCall>,
    count: number,
    y: State<OnnxArray>,
  ): readonly Linearization<OnnxArray>[] => {
    const made = Array.from({ length: count }, () => handles++);
    const release = (released: readonly number[]): void => {
      call({ ...usual, operation: 'release', handles: released }, []);
    };
    const result = (): BlockResult => {
      try {
        return call({ ...usual, ...how, handles: made }, [y]);
      } catch (error) {
        // Some of the blocks may have them.
        release(made);
        throw error;
      }
    };
    const { states, bytes, stateBytes } = result();
    return made.map((handle, i) => {
      const linearization: Linearization<OnnxArray> = {
        value: states[i]!,
        bytes,
        stateBytes,
        pullback: (cotangent, withTime) => pullback([linearization], cotangent, withTime),
        release() {
          if (handleOf.delete(linearization)) release([handle]);
        },
      };
      handleOf.set(linearization, handle);
      return linearization;
    });
  };

  const atPoints = (
    read: boolean,
  ): Omit<FieldAtPoints<OnnxArray>, 'vjp'> & Required<Pick<FieldAtPoints<OnnxArray>, 'vjp'>> => ({
    evaluate: (t, y) => call({ ...usual, times: [t], read }, [y]).states[0]!,
    linearize: (t, y) => linearized({ operation: 'linearize', times: [t], read }, 1, y)[0]!,
    vjp(t, y, cotangent, withTime) {
      const how = { ...usual, operation: 'vjp', times: [t], read, withTime } as const;
      const result = call(how, [y, cotangent]);
      const value = result.states[1];
      return { ...cotangents(result), bytes: result.bytes, ...(value && { value }) };
    },
  });

  // Where a block has no model of a step, it takes steps stage by stage.
  const fused = (tableau: ButcherTableau): FusedStep<OnnxArray> => {
    const step = own.fuse!(tableau);
    const over = (spans: readonly Span[], operation: BlockCall['operation']): BlockCall => ({
      ...usual,
      operation,
      times: [spans[0]!.t0, ...spans.map(({ t1 }) => t1)],
      tableau,
    });
    const advance = (spans: readonly Span[], y: State<OnnxArray>): readonly State<OnnxArray>[] =>
      call(over(spans, 'advance'), [y]).states;
    const linearize = (spans: readonly Span[], y: State<OnnxArray>): readonly Linearization<OnnxArray>[] =>
      linearized(over(spans, 'linearizeSteps'), spans.length, y);
    const adjointBy =
      (operation: 'adjoint' | 'stagedAdjoint') =>
      (
        spans: readonly Span[],
        ys: readonly State<OnnxArray>[],
        cotangent: State<OnnxArray>,
      ): FusedAdjoint<OnnxArray> => {
        const result = call(over(spans, operation), [...ys, cotangent]);
        // The states of several steps are gathered for the call.
        const gathered = ys.length === 1 ? 0 : ys.flat().reduce((sum, x) => sum + x.kind.bytes, 0);
        return { ...cotangents(result), bytes: result.bytes, stateBytes: result.stateBytes + gathered };
      };
    const adjoint = adjointBy('adjoint');
    const adjointStep: FusedStep<OnnxArray>['adjoint'] = (span, y, cotangent) =>
      adjoint([span], [y], cotangent);
    return {
      advance: (span, y) => advance([span], y)[0]!,
      ...(step?.attempt && {
        attempt(span: Span, y: State<OnnxArray>, slope: State<OnnxArray>) {
          const [y1, error, last] = call(over([span], 'attempt'), [y, slope]).states;
          return { y: y1!, error: error!, ...(last && { last }) };
        },
      }),
      linearize: (span, y) => linearize([span], y)[0]!,
      // Whether it is worth its memory is known when a gradient asks.
      get adjoint() {
        return step?.adjoint && adjointStep;
      },
      // The threads do not wait for one another between steps, and each adds up its own summands of the parameters.
      several: {
        longest,
        advance,
        linearize,
        pullback: (linearizations, cotangent) => pullback(linearizations, cotangent, false),
        adjoint,
        stagedAdjoint: adjointBy('stagedAdjoint'),
      },
    };
  };

  return { engine, parameters, fuse: fused, ...atPoints(false), read: atPoints(true) };
}
