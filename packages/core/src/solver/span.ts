import type { Span } from '../types/span.ts';

// All arithmetic on the times of a step. Solvers hand spans, nodes and sizes on without looking into them.

/** h, with its sign. */
export function sizeOf({ t0, t1 }: Span): number {
  return t1 - t0;
}

/** Time of the stage at `node` (a tableau's c): the ends of the step are the very numbers of the span. */
export function stageTime({ t0, t1 }: Span, node: number): number {
  return node === 0 ? t0 : node === 1 ? t1 : t0 + node * (t1 - t0);
}

/** The span without length at `t`. */
export function instant(t: number): Span {
  return { t0: t, t1: t };
}
