import {
  type ButcherTableau,
  type Cotangents,
  type FieldAtPoints,
  type FusedStep,
  type Linearization,
  type Span,
  type State,
  type VectorField,
} from '@odegrad/core';

import type { OnnxArray } from './array.ts';
import type { BlockCall, BlockResult } from './block-call.ts';
import type { TeamSolve } from './block-team.ts';
import { releasedOnce } from './linearization.ts';

let handles = 0;

const usual: BlockCall = {
  operation: 'evaluate',
  t: 0,
  t1: 0,
  read: false,
  withTime: false,
  handle: -1,
  tableau: undefined,
};

const cotangents = ({ t, states, parameters }: BlockResult): Cotangents<OnnxArray> => ({
  t,
  y: states[0]!,
  parameters,
});

/** A vector field whose calls are calls of all its blocks. */
export function blockField(
  { own, call }: TeamSolve,
  { engine, parameters }: Pick<VectorField<OnnxArray>, 'engine' | 'parameters'>,
): VectorField<OnnxArray> {
  const linearized = (how: Partial<BlockCall>, y: State<OnnxArray>): Linearization<OnnxArray> => {
    const handle = handles++;
    const { states, bytes, stateBytes } = call({ ...usual, ...how, handle }, [y]);
    return releasedOnce({
      value: states[0]!,
      bytes,
      stateBytes,
      pullback(cotangent, withTime) {
        return cotangents(call({ ...usual, operation: 'pullback', handle, withTime }, [cotangent]));
      },
      release() {
        call({ ...usual, operation: 'release', handle }, []);
      },
    });
  };

  const atPoints = (
    read: boolean,
  ): Omit<FieldAtPoints<OnnxArray>, 'vjp'> & Required<Pick<FieldAtPoints<OnnxArray>, 'vjp'>> => ({
    evaluate: (t, y) => call({ ...usual, t, read }, [y]).states[0]!,
    linearize: (t, y) => linearized({ operation: 'linearize', t, read }, y),
    vjp(t, y, cotangent, withTime) {
      const result = call({ ...usual, operation: 'vjp', t, read, withTime }, [y, cotangent]);
      const value = result.states[1];
      return { ...cotangents(result), bytes: result.bytes, ...(value && { value }) };
    },
  });

  const fused = (tableau: ButcherTableau): FusedStep<OnnxArray> | undefined => {
    const step = own.fuse!(tableau);
    if (!step) return undefined;
    const over = ({ t0, t1 }: Span, operation: BlockCall['operation']): BlockCall => ({
      ...usual,
      operation,
      t: t0,
      t1,
      tableau,
    });
    const adjoint: FusedStep<OnnxArray>['adjoint'] = (span, y, cotangent) => {
      const result = call(over(span, 'adjointStep'), [y, cotangent]);
      const { bytes, stateBytes } = result;
      return { ...cotangents(result), bytes, stateBytes };
    };
    return {
      advance: (span, y) => call(over(span, 'advance'), [y]).states[0]!,
      ...(step.attempt && {
        attempt(span: Span, y: State<OnnxArray>, slope: State<OnnxArray>) {
          const [y1, error, last] = call(over(span, 'attempt'), [y, slope]).states;
          return { y: y1!, error: error!, ...(last && { last }) };
        },
      }),
      linearize: (span, y) => linearized(over(span, 'linearizeStep'), y),
      // Whether it is worth its memory is known when a gradient asks.
      get adjoint() {
        return step.adjoint && adjoint;
      },
    };
  };

  return { engine, parameters, fuse: fused, ...atPoints(false), read: atPoints(true) };
}
