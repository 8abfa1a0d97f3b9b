import { ArgumentError } from '@odegrad/core';
import type { Call } from './arguments.ts';
import { describe } from './describe.ts';
import type { Part } from './parts.ts';
import type { Run, RunPoint } from './run.ts';
import type { CotangentOf, LikeState } from './state.ts';

/** One time or several. */
export type PointTimes = number | readonly number[];

/** The cotangents of what was read of a dense solution; or, at the very time, of where a solve stopped that failed. */
export interface OdePoint<S> {
  readonly t: PointTimes;
  /** Of what `at(t)` gave, and of its shape. */
  readonly cotangent: CotangentOf<S>;
  /** Whether it is that of what `rate(t)` gave. Default false. */
  readonly rate?: boolean | undefined;
}

/** A dense solution as the user reads it. */
export function pointReader<S, P extends Part>(
  { saved, structure }: Call<S, P>,
  solved: Run<P>,
  what: 'at' | 'rate',
): (t: PointTimes) => LikeState<S> {
  return (t) => {
    if (!saved.dense)
      throw new ArgumentError(
        `\`${what}(t)\` reads a dense solution, and this one has the states that were asked for. Solve with \`dense: true\`.`,
      );
    checkTimes(`${what}(t)`, t);
    return structure.unflatten(solved.read(what, t));
  };
}

/** @throws {ArgumentError} for points that a dense solution did not give. */
export function checkPoints<S, P extends Part>(
  points: readonly OdePoint<S>[],
  { saved, structure, kind, y0 }: Call<S, P>,
  stop: number | undefined,
): readonly RunPoint<P>[] {
  if (!(Array.isArray as (value: unknown) => boolean)(points))
    throw new ArgumentError(
      `The points of a pullback are a list of { t, cotangent }, not ${describe(points)}.`,
    );
  if (points.length > 0 && !saved.dense && !isStop(points, stop))
    throw new ArgumentError(
      'Points are read of a dense solution' +
        (stop === undefined ? '' : `, or one of where the solve stopped, t = ${stop}`) +
        '. Solve with `dense: true`.',
    );
  return points.map(({ t, cotangent, rate = false }, n) => {
    checkTimes(`points[${n}].t`, t);
    const leading = typeof t === 'number' ? [] : [t.length];
    return {
      t,
      cotangent: structure.flatten(cotangent, `points[${n}].cotangent`, (part, name, i) =>
        kind.cotangent(part, name, [...leading, ...y0[i]!.shape]),
      ),
      rate,
    };
  });
}

/** Whether it is the one point that there is of a solve that stopped. */
const isStop = (points: readonly Pick<OdePoint<never>, 't' | 'rate'>[], stop: number | undefined): boolean =>
  points.length === 1 && stop !== undefined && points[0]!.t === stop && !points[0]!.rate;

function checkTimes(name: string, t: unknown): void {
  const isNumber = (x: unknown): boolean => typeof x === 'number';
  if (isNumber(t) || (Array.isArray(t) && t.length > 0 && t.every(isNumber))) return;
  throw new ArgumentError(`\`${name}\` takes a time, or a list of one or more, not ${describe(t)}.`);
}
