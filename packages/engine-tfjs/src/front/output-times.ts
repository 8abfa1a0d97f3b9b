import {
  ArgumentError,
  denseOrder,
  forward,
  isFixed,
  type GradientStrategy,
  type Knot,
  type Method,
} from '@odegrad/core';
import type { Stops } from './stops.ts';

/** How states at output times come about: a step ends there, or they are read off the interpolant of a step. */
export type OutputMode = 'land' | 'interpolate';

/** Output times as core takes them, and the way back to the user's order: of lists in which there may be gaps where no state is wanted. */
export interface OutputTimes {
  /** Where steps land. */
  readonly ts: readonly number[];
  /** Which of those are no outputs, or jumps. */
  readonly knots: ReadonlyMap<number, Knot>;
  /** What is read off steps. */
  readonly between: readonly number[];
  /** Of numbers by landing, those of the jumps in the user's order; 0 for jumps outside. */
  jumps(atLandings: readonly number[]): readonly number[];
  /** A list in the user's order of one by landings and one by times between. */
  merge<T>(atLandings: readonly T[], between: readonly T[]): readonly T[];
  /** The opposite. */
  split<T>(all: readonly T[]): {
    readonly atLandings: readonly (T | undefined)[];
    readonly between: readonly T[];
  };
}

/**
 * Where steps land. With 'interpolate' only at both ends; the state there is given as often as the time is repeated. Where states
 * are not `saved` but at the end, steps are the same.
 *
 * @throws {ArgumentError} where states cannot be read off steps, though that was asked for.
 */
export function outputTimes(
  ts: readonly number[],
  mode: OutputMode | undefined,
  { solver, stepping }: Pick<Method, 'solver' | 'stepping'>,
  strategy: GradientStrategy,
  { stepTo, jumpAt, jumpsTensor }: Stops = { stepTo: [], jumpAt: [], jumpsTensor: undefined },
  saved = true,
): OutputTimes {
  if (mode === 'interpolate') {
    if (!solver.interpolant)
      throw new ArgumentError(
        `Solver '${solver.name}' has no interpolant; leave \`outputs\` out, or take a Runge–Kutta method.`,
      );
    if (!strategy.exact)
      throw new ArgumentError(
        `Gradient '${strategy.name}' restarts backward at every output time, so steps have to land there; leave \`outputs\` out.`,
      );
  }
  // As accurate between steps as the ends of steps are, up to one order: their errors add up, one order lower.
  const isAccurate = solver.tableau !== undefined && denseOrder(solver.tableau) >= solver.order - 1;
  const lands =
    mode === 'land' ||
    (mode === undefined && (isFixed(stepping) || !isAccurate || !strategy.exact || !solver.interpolant));
  const [first, last] = [ts[0]!, ts.at(-1)!];
  const sign = Math.sign(last - first);
  const isInside = (t: number): boolean => sign * (t - first) > 0 && sign * (last - t) > 0;
  const isJump = new Set(jumpAt);
  const isKnot = ts.map((t) => lands || t === first || t === last || isJump.has(t));
  const asked = new Set(ts.filter((_, i) => isKnot[i]));
  const unasked = [...new Set([...stepTo, ...jumpAt])].filter((t) => isInside(t) && !asked.has(t));
  if (jumpsTensor) checkJumps(jumpAt, asked, strategy);
  const landings = [
    ...ts.flatMap((t, i) => (isKnot[i] ? [{ t, asked: true }] : [])),
    ...unasked.map((t) => ({ t, asked: false })),
  ].sort((a, b) => sign * (a.t - b.t));
  const of = <T>(all: readonly T[], knots: boolean): T[] => all.filter((_, i) => isKnot[i] === knots);
  const knots = new Map(
    landings.flatMap(({ t, asked: counts }, i) => {
      const jump = isJump.has(t);
      // Between times that are the same the derivatives with respect to them need the state.
      const isRepeated = t === landings[i - 1]?.t || t === landings[i + 1]?.t;
      const output = counts && (saved || isRepeated || !isInside(t));
      return output && !jump ? [] : [[i, { output, jump, counts }] as const];
    }),
  );
  return {
    ts: landings.map(({ t }) => t),
    knots,
    between: saved ? of(ts, false) : [],
    jumps: (atLandings) =>
      jumpAt.map((t) => {
        const index = landings.findIndex((landing) => landing.t === t);
        return index < 0 ? 0 : atLandings[index]!;
      }),
    merge(atLandings, between) {
      const atKnots = landings.flatMap((landing, i) => (landing.asked ? [atLandings[i]!] : []));
      let [knot, inner] = [0, 0];
      return isKnot.map((at) => (at ? atKnots[knot++]! : between[inner++]!));
    },
    split(all) {
      const atKnots = of(all, true);
      let knot = 0;
      return {
        atLandings: landings.map((landing) => (landing.asked ? atKnots[knot++] : undefined)),
        between: of(all, false),
      };
    },
  };
}

/** @throws {ArgumentError} where jumps have no derivative of their own. */
function checkJumps(
  jumps: readonly number[],
  outputs: ReadonlySet<number>,
  { exact, name }: GradientStrategy,
): void {
  const shared = jumps.find((t, i) => outputs.has(t) || jumps.indexOf(t) !== i);
  if (shared !== undefined)
    throw new ArgumentError(
      `\`jumpAt\` is a tensor with ${shared}, which is an output time, or is there twice: it has no derivative of its own there. ` +
        'Give jumps as an array of numbers, or move the output.',
    );
  if (!exact && name !== forward.name)
    throw new ArgumentError(
      `Gradient '${name}' gives none with respect to jumps. Give \`jumpAt\` as an array of numbers, or take an exact gradient.`,
    );
}
