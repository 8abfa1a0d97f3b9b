import type { Span } from '../types/span.ts';

/** From so many states in a row an attempt was not finite, each reaching less far than the one before … */
const STATES = 4;
/** … and what is left before the nearest is this small a part of the step at which the first was met … */
const LEFT = 1e-3;
/** … and of the solve, in units of the arrays' roundoff. Shorter steps hardly change a state. */
const ROUNDOFFS = 64;

/**
 * A time that steps do not get past because what lies there is not finite: where a solution outgrows its numbers. Steps
 * that end before it are fine, and so a controller would creep up to it for ever, halving what is left.
 */
export interface Barrier {
  /** The nearest time that an attempt did not reach, where there is no getting past it; from the state at `t`. */
  before(t: number): number | undefined;
  /** An attempt that was not finite. */
  hit(span: Span): void;
  /** An accepted step. */
  passed(span: Span): void;
}

export function createBarrier({ t0, t1 }: Span, roundoff: number): Barrier {
  const sign = Math.sign(t1 - t0);
  // Of a solve without an end, what it came to so far.
  const short = (wall: number): number => {
    const last = Number.isFinite(t1) ? t1 : wall;
    return ROUNDOFFS * roundoff * Math.max(Math.abs(t0), Math.abs(last), Math.abs(last - t0));
  };
  let end: number | undefined;
  let [width, from, states] = [0, NaN, 0];
  return {
    before(t) {
      if (end === undefined || states < STATES) return undefined;
      return Math.abs(end - t) <= Math.min(short(end), LEFT * width) ? end : undefined;
    },
    hit({ t0, t1 }) {
      if (end === undefined) [width, from, states] = [Math.abs(t1 - t0), t0, 1];
      else if (sign * (t1 - end) >= 0) return;
      else if (t0 !== from) [from, states] = [t0, states + 1];
      end = t1;
    },
    passed({ t1 }) {
      // What seemed a barrier were steps that were too long.
      if (end !== undefined && sign * (t1 - end) >= 0) end = undefined;
    },
  };
}
