import type { Gradient, Problem, ReadCotangents, Solution } from '@odegrad/core';
import { joinVectors, splitVector } from './field.ts';
import type { Float64Engine } from './float64-engine.ts';

type A = Float64Array;

/** How states within steps are read: all of each, off a dense solution, or one row of so many each. */
export type Reading = 'between' | 'dense' | { readonly rows: number };

/** The ways of a trial to what is read of its solution. */
export interface Reader {
  readonly problem: Pick<Problem<A>, 'between' | 'dense' | 'rows'>;
  /** Where one row of a state is read, the others are NaN. */
  states(solution: Solution<A>, engine: Float64Engine): A[];
  cotangents(solution: Solution<A>, given: readonly (A | undefined)[]): ReadCotangents<A>;
  times(gradient: Gradient<A>): readonly number[] | undefined;
}

/** Of what is read at the time with number `index`, what is its own: one row of so many, and `rest` elsewhere. */
export function ownOf(reading: Reading | undefined, index: number, x: A, rest = 0): A {
  if (typeof reading !== 'object') return x;
  const size = x.length / reading.rows;
  return x.map((entry, i) => (Math.floor(i / size) === index % reading.rows ? entry : rest));
}

/** The way of a trial, whose state is one part where rows are read. */
export function readerOf(
  { between, reading = 'between' }: { readonly between?: readonly number[]; readonly reading?: Reading },
  parts: readonly number[],
): Reader {
  const cut = (x: A | undefined): A[] | undefined => x && splitVector(x, parts);
  if (!between || reading === 'between')
    return {
      problem: { ...(between && { between }), ...(reading === 'dense' && { dense: true }) },
      states: (solution) => solution.between.map(joinVectors),
      cotangents: (_, given) => ({ between: given.map(cut) }),
      times: (gradient) => gradient.between,
    };
  if (reading === 'dense') {
    let set: number[] = [];
    return {
      problem: { dense: true },
      states: (solution, engine) =>
        between.map((t) => {
          const state = solution.at!(t);
          const joined = joinVectors(state);
          for (const x of state) engine.release(x);
          return joined;
        }),
      cotangents(_, given) {
        // In no order: the solution sorts them.
        set = [...given.keys()].filter((i) => given[i]).reverse();
        return { points: set.map((i) => ({ t: between[i]!, cotangent: cut(given[i])! })) };
      },
      times(gradient) {
        const all = between.map(() => 0);
        set.forEach((i, k) => (all[i] = gradient.points![k]!));
        return all;
      },
    };
  }
  const count = reading.rows;
  const rows = between.map((_, i) => i % count);
  const sizes = parts.map((part) => part / count);
  return {
    problem: { rows: { times: between, rows, count } },
    states: (solution) =>
      solution.rows.flatMap(({ from, to, state }) =>
        Array.from({ length: to - from }, (_, i) =>
          joinVectors(
            state.map((x, part) => {
              const [size, row] = [sizes[part]!, rows[from + i]!];
              const whole = new Float64Array(size * count).fill(NaN);
              whole.set(x.slice(i * size, (i + 1) * size), row * size);
              return whole;
            }),
          ),
        ),
      ),
    cotangents: (solution, given) => ({
      rows: solution.rows.map(({ from, to }) => {
        const here = given.slice(from, to);
        if (here.every((x) => x === undefined)) return undefined;
        return sizes.map((size, part) =>
          joinVectors(
            here.map((x, i) => {
              const row = rows[from + i]!;
              return x ? cut(x)![part]!.slice(row * size, (row + 1) * size) : new Float64Array(size);
            }),
          ),
        );
      }),
    }),
    times: (gradient) => gradient.rows,
  };
}
