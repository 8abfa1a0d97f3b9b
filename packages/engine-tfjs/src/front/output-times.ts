import { ArgumentError, denseOrder, isFixed, type GradientStrategy, type Method } from '@odegrad/core';

/** How states at output times come about: a step ends there, or they are read off the interpolant of a step. */
export type OutputMode = 'land' | 'interpolate';

/** Output times as core takes them, and the way back to the user's order. */
export interface OutputTimes {
  /** Where steps land. */
  readonly knots: readonly number[];
  /** What is read off steps. */
  readonly between: readonly number[];
  /** A list in the user's order of one by knots and one by times between. */
  merge<T>(atKnots: readonly T[], between: readonly T[]): readonly T[];
  /** The opposite. */
  split<T>(all: readonly T[]): { readonly atKnots: readonly T[]; readonly between: readonly T[] };
}

/**
 * Where steps land. With 'interpolate' only at both ends; the state there is given as often as the time is repeated.
 *
 * @throws {ArgumentError} where states cannot be read off steps, though that was asked for.
 */
export function outputTimes(
  ts: readonly number[],
  mode: OutputMode | undefined,
  { solver, stepping }: Pick<Method, 'solver' | 'stepping'>,
  strategy: GradientStrategy,
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
  const isKnot = ts.map((t) => lands || t === first || t === last);
  const of = <T>(all: readonly T[], knots: boolean): T[] => all.filter((_, i) => isKnot[i] === knots);
  return {
    knots: of(ts, true),
    between: of(ts, false),
    merge(atKnots, between) {
      let [knot, inner] = [0, 0];
      return isKnot.map((at) => (at ? atKnots[knot++]! : between[inner++]!));
    },
    split: (all) => ({ atKnots: of(all, true), between: of(all, false) }),
  };
}
