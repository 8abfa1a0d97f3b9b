import type { Gradient, GradientStrategy, Problem, ReadCotangents, Solution, State } from '@odegrad/core';
import type { Call } from './arguments.ts';
import { outputTimes } from './output-times.ts';
import type { Part, PartKind, PartPort } from './parts.ts';
import type { RaggedTimes } from './ragged-times.ts';
import type { Shape } from '../tape/shape.ts';

/** What a call asks of core, and the way from what core gives to what the user gets. */
export interface Outputs {
  readonly problem: Pick<Problem<never>, 'ts' | 'knots' | 'between' | 'rows' | 'steps' | 'dense'>;
  /** The times of the states that the user gets. */
  times(solution: Pick<Solution<unknown>, 'ts' | 'ys' | 'between'>): readonly number[];
  /** The first dimensions of trajectories, before those of a state. */
  leading(solution: Pick<Solution<unknown>, 'ts' | 'ys' | 'between'>): Shape;
  trajectories<A, P>(port: PartPort<A, P>, solution: Solution<A>, shapes: readonly Shape[]): P[];
  /** Cotangents of trajectories, as core takes them. Their arrays are new. */
  cotangents<A, P>(port: PartPort<A, P>, solution: Solution<A>, parts: readonly P[]): OutputCotangents<A>;
  /** ∂ℒ/∂ts, of the shape of `ts`. */
  timeGradient<P extends Part>(kind: PartKind<P>, gradient: Gradient<unknown>): P;
  jumpGradient<P extends Part>(kind: PartKind<P>, gradient: Gradient<unknown>): P;
}

interface OutputCotangents<A> {
  readonly ys: readonly (State<A> | undefined)[];
  readonly read: ReadCotangents<A>;
}

/** @throws {ArgumentError} where states cannot come about as it was asked for. */
export function outputsOf<S>(call: Call<S>, strategy: GradientStrategy): Outputs {
  const { ts, outputs, method, stops, saved, ragged } = call;
  const { saveAt, dense } = saved;
  const mode = ragged ? 'interpolate' : outputs;
  const landings = outputTimes(ts, mode, method, strategy, stops, saveAt === 'ts');
  const { knots, between } = landings;
  const common = {
    problem: {
      ts: landings.ts,
      ...(knots.size > 0 && { knots }),
      ...(dense && { dense }),
    },
    times: () => ts,
    timeGradient: <P extends Part>(kind: PartKind<P>, gradient: Gradient<unknown>): P =>
      kind.array(landings.merge(gradient.ts, gradient.between ?? ts.map(() => 0))),
    jumpGradient: <P extends Part>(kind: PartKind<P>, gradient: Gradient<unknown>): P =>
      kind.array(landings.jumps(gradient.ts)),
  };
  if (ragged)
    return { ...common, ...ofRows(ragged, landings.ts), problem: { ...common.problem, rows: ragged } };
  // An event may have ended the solve before the last.
  const reached = <A>({ ys, between: read }: Pick<Solution<A>, 'ys' | 'between'>): readonly State<A>[] =>
    landings.merge<State<A> | undefined>(ys, read).filter((y) => y !== undefined);
  switch (saveAt) {
    case 'ts':
      return {
        ...common,
        problem: { ...common.problem, ...(between.length > 0 && { between }) },
        times: (solution) => ts.slice(0, reached(solution).length),
        leading: (solution) => [reached(solution).length],
        trajectories: (port, solution, shapes) => port.trajectories(reached(solution), shapes),
        cotangents(port, solution, parts) {
          const states = port.cotangents(parts);
          const { atLandings, between: within } = landings.split(ts.map((_, i) => states[i]));
          return {
            ys: atLandings.slice(0, solution.ts.length),
            read: { between: within.slice(0, solution.between.length) },
          };
        },
      };
    case 'steps':
      return {
        ...common,
        problem: { ...common.problem, steps: true },
        times: (solution) => solution.ts,
        leading: (solution) => [solution.ts.length],
        trajectories: (port, { ys }, shapes) => port.trajectories(ys, shapes),
        cotangents: (port, _, parts) => ({ ys: port.cotangents(parts), read: {} }),
      };
    case 'end':
      return {
        ...common,
        times: () => ts.slice(-1),
        leading: () => [],
        trajectories: (port, { ys }, shapes) => ys.at(-1)!.map((x, i) => port.leave(x, shapes[i]!)),
        cotangents: (port, _, parts) => ({
          ys: landings.ts.map((_t, i, all) => (i === all.length - 1 ? parts.map(port.enter) : undefined)),
          read: {},
        }),
      };
  }
}

/** Rows with times of their own, which lie between two landings. */
function ofRows(
  { places, count, length }: RaggedTimes,
  landings: readonly number[],
): Pick<Outputs, 'leading' | 'trajectories' | 'cotangents' | 'timeGradient'> {
  return {
    leading: () => [length],
    trajectories: (port, { rows }, shapes) =>
      port.trajectoriesOfRows(
        rows.map(({ state }) => state),
        places,
        shapes,
      ),
    cotangents: (port, { rows }, parts) => ({
      ys: landings.map(() => undefined),
      read: { rows: rows.map(({ from, to }) => port.cotangentsOfRows(parts, places.slice(from, to))) },
    }),
    // The times of a row, and those of the next one: [B, T], as they were given.
    timeGradient(kind, gradient) {
      const all = new Array<number>(places.length);
      places.forEach((place, n) => {
        all[(place % count) * length + Math.floor(place / count)] = gradient.rows![n]!;
      });
      return kind.array(all, [count, length]);
    },
  };
}
