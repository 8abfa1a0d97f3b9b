import type { State, VectorField } from '@odegrad/core';
import { medianMs, timed, type Repetition } from '../measure.ts';

/** What one call of a vector field costs, in milliseconds. */
export interface CallTiming {
  readonly evaluateMs: number;
  /** One vector–Jacobian product, with what it evaluates of f. */
  readonly vjpMs: number;
  /** What the first of each took beyond the later ones. */
  readonly loadMs: number;
}

/** Single calls of a field, at one state and with one cotangent; what they make is released. */
export interface Calls {
  evaluate(): void;
  /** One vector–Jacobian product, with what it evaluates of f. */
  vjp(): void;
  close(): void;
}

export function callsOf<A>(field: VectorField<A>, y0: State<A>): Calls {
  const release = (...arrays: readonly A[]): void => {
    for (const x of arrays) field.engine.release(x);
  };
  const cotangent = y0.map((value) => field.engine.combine(undefined, [{ coefficient: 1, value }]));
  return {
    evaluate() {
      release(...field.evaluate(0, y0));
    },
    vjp() {
      if (field.vjp) {
        const { value = [], y, parameters } = field.vjp(0, y0, cotangent, false);
        release(...value, ...y, ...parameters);
        return;
      }
      const linearization = field.linearize(0, y0);
      const { y, parameters } = linearization.pullback(cotangent, false);
      linearization.release();
      release(...linearization.value, ...y, ...parameters);
    },
    close() {
      release(...cotangent);
    },
  };
}

/** Times single calls of a field at `y0`. */
export function timeCalls<A>(field: VectorField<A>, y0: State<A>, repetition: Repetition): CallTiming {
  const { evaluate, vjp, close } = callsOf(field, y0);
  try {
    const first = timed(evaluate) + timed(vjp);
    const [evaluateMs, vjpMs] = [medianMs(evaluate, repetition), medianMs(vjp, repetition)];
    return { evaluateMs, vjpMs, loadMs: Math.max(0, first - evaluateMs - vjpMs) };
  } finally {
    close();
  }
}
