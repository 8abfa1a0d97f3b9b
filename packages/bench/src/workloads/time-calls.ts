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

/** Times single calls of a field at `y0`. */
export function timeCalls<A>(field: VectorField<A>, y0: State<A>, repetition: Repetition): CallTiming {
  const release = (...arrays: readonly A[]): void => {
    for (const x of arrays) field.engine.release(x);
  };
  const cotangent = y0.map((value) => field.engine.combine(undefined, [{ coefficient: 1, value }]));
  const evaluate = (): void => {
    release(...field.evaluate(0, y0));
  };
  const vjp = (): void => {
    if (field.vjp) {
      const { value = [], y, parameters } = field.vjp(0, y0, cotangent, false);
      release(...value, ...y, ...parameters);
      return;
    }
    const linearization = field.linearize(0, y0);
    const { y, parameters } = linearization.pullback(cotangent, false);
    linearization.release();
    release(...linearization.value, ...y, ...parameters);
  };
  try {
    const first = timed(evaluate) + timed(vjp);
    const [evaluateMs, vjpMs] = [medianMs(evaluate, repetition), medianMs(vjp, repetition)];
    return { evaluateMs, vjpMs, loadMs: Math.max(0, first - evaluateMs - vjpMs) };
  } finally {
    release(...cotangent);
  }
}
