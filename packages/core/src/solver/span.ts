import type { Span } from '../types/span.ts';

// All arithmetic on the times of a step. Solvers hand spans, nodes and sizes on without looking into them.

/** h, with its sign. */
export function sizeOf({ t0, t1 }: Span): number {
  return t1 - t0;
}

/**
 * Time of the stage at `node` (a tableau's c): at the ends of the step the very numbers of the span, or beside a jump the nearest
 * that f tells from it.
 */
export function stageTime({ t0, t1, from = t0, to = t1 }: Span, node: number): number {
  return node === 0 ? from : node === 1 ? to : t0 + node * (t1 - t0);
}

/** The span without length at `t`. */
export function instant(t: number): Span {
  return { t0: t, t1: t };
}

/** The span whose start or end is a jump of f, which f is to see from within, in arrays with that unit roundoff. */
export function besideJumps(span: Span, atStart: boolean, atEnd: boolean, roundoff: number): Span {
  if (!atStart && !atEnd) return span;
  const h = sizeOf(span);
  const inwards = (t: number): number => 2 * roundoff * Math.sign(h) * Math.max(Math.abs(t), Math.abs(h));
  return {
    ...span,
    ...(atStart ? { from: span.t0 + inwards(span.t0) } : {}),
    ...(atEnd ? { to: span.t1 - inwards(span.t1) } : {}),
  };
}
