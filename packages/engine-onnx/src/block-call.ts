import type { ButcherTableau, Cotangents, Linearization, State, VectorField } from '@odegrad/core';

import type { OnnxArray } from './array.ts';

/** What is asked of a field, at a point or over a step; the order is that of the codes in shared memory. */
export const operations = [
  'evaluate',
  'linearize',
  'vjp',
  'advance',
  'attempt',
  'linearizeStep',
  'adjointStep',
  'pullback',
  'release',
] as const;

/** One call of a block's field. */
export interface BlockCall {
  readonly operation: (typeof operations)[number];
  /** Where; the start of a step. */
  readonly t: number;
  /** The end of a step. */
  readonly t1: number;
  /** Whether `VectorField.read` is asked. */
  readonly read: boolean;
  readonly withTime: boolean;
  /** The linearization that is made, pulled back through or released. */
  readonly handle: number;
  readonly tableau: ButcherTableau | undefined;
}

/** What a call gives. The arrays belong to the caller. */
export interface BlockResult {
  readonly states: readonly State<OnnxArray>[];
  /** Summands of the parameters' cotangents. */
  readonly parameters: State<OnnxArray>;
  readonly t: number;
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
  { operation, t, t1, read, withTime, handle, tableau }: BlockCall,
  [y, second]: readonly State<OnnxArray>[],
): BlockResult {
  const points = read ? field.read! : field;
  const span = { t0: t, t1 };
  const step = () => field.fuse!(tableau!)!;
  const kept = (linearization: Linearization<OnnxArray>): BlockResult => {
    linearizations.set(handle, linearization);
    const { value, bytes, stateBytes = 0 } = linearization;
    return { ...nothing, states: [value], bytes, stateBytes };
  };
  switch (operation) {
    case 'evaluate':
      return { ...nothing, states: [points.evaluate(t, y!)] };
    case 'linearize':
      return kept(points.linearize(t, y!));
    case 'vjp': {
      const { value, bytes, ...cotangents } = points.vjp!(t, y!, second!, withTime);
      return { ...pulled(cotangents), states: [cotangents.y, ...(value ? [value] : [])], bytes };
    }
    case 'advance':
      return { ...nothing, states: [step().advance(span, y!)] };
    case 'attempt': {
      const { y: y1, error, last } = step().attempt!(span, y!, second!);
      return { ...nothing, states: [y1, error, ...(last ? [last] : [])] };
    }
    case 'linearizeStep':
      return kept(step().linearize!(span, y!));
    case 'adjointStep': {
      const { bytes, stateBytes = 0, ...cotangents } = step().adjoint!(span, y!, second!);
      return { ...pulled({ t: 0, ...cotangents }), bytes, stateBytes };
    }
    case 'pullback':
      return pulled(linearizations.get(handle)!.pullback(y!, withTime));
    case 'release':
      linearizations.get(handle)!.release();
      linearizations.delete(handle);
      return nothing;
  }
}
