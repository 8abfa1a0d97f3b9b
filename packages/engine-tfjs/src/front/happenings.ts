import type { Happening, HappeningCotangents, Solution } from '@odegrad/core';
import { ArgumentError } from '@odegrad/core';
import type { Call } from './arguments.ts';
import { describe } from './describe.ts';
import type { Entered } from './entered.ts';
import type { FlatEvent } from './events.ts';
import type { Part, PartPort } from './parts.ts';
import type { CotangentOf, LikeState } from './state.ts';

/** What happened along a solution. The solution owns the states. */
export interface OdeHappening<S> {
  /** The event's. */
  readonly name: string;
  readonly t: number;
  /** The states there; alike where there is no jump. */
  readonly before: LikeState<S>;
  readonly after: LikeState<S>;
}

/** Derivatives of a loss with respect to what happened. */
export interface OdeHappeningCotangent<S> {
  readonly t?: number | undefined;
  readonly before?: CotangentOf<S> | undefined;
  readonly after?: CotangentOf<S> | undefined;
}

/** The same in parts. */
export interface RunHappening<P> extends Omit<Happening<P>, 'event'> {
  readonly name: string;
}

/** What happened in a solution, in new parts. */
export function happenedIn<A, P extends Part>(
  { port, shapes }: Pick<Entered<A, P>, 'port' | 'shapes'>,
  { events = [] }: Solution<A>,
  given: readonly FlatEvent[],
): readonly RunHappening<P>[] {
  const leave = (y: readonly A[]): readonly P[] => y.map((x, i) => port.leave(x, shapes[i]!));
  return events.map(({ event, t, before, after }) => ({
    name: given[event]!.name,
    t,
    before: leave(before),
    after: leave(after),
  }));
}

/** Cotangents of it in the engine's arrays, which are new. */
export function happeningCotangents<A, P>(
  port: PartPort<A, P>,
  cotangents: readonly (HappeningCotangents<P> | undefined)[] = [],
): readonly (HappeningCotangents<A> | undefined)[] {
  return cotangents.map(
    (cotangent) =>
      cotangent && {
        t: cotangent.t,
        before: cotangent.before?.map(port.enter),
        after: cotangent.after?.map(port.enter),
      },
  );
}

/** @throws {ArgumentError} unless they are of what happened. */
export function checkHappenings<S, P extends Part>(
  cotangents: readonly (OdeHappeningCotangent<S> | undefined)[],
  happened: readonly unknown[],
  { structure, kind, y0 }: Call<S, P>,
): readonly (HappeningCotangents<P> | undefined)[] {
  const isList = Array.isArray as (value: unknown) => boolean;
  if (!isList(cotangents) || cotangents.length !== happened.length)
    throw new ArgumentError(
      `The pullback takes cotangents of events as a list, one for each of the ${happened.length} that happened (undefined for zero), ` +
        `not ${isList(cotangents) ? `one of ${cotangents.length}` : describe(cotangents)}.`,
    );
  return cotangents.map((cotangent, n) => {
    if (cotangent === undefined) return undefined;
    const { t, before, after } = cotangent;
    if (t !== undefined && typeof (t as unknown) !== 'number')
      throw new ArgumentError(`\`events[${n}].t\` must be a number, not ${describe(t)}.`);
    const parts = (state: CotangentOf<S> | undefined, name: string): P[] | undefined =>
      state === undefined
        ? undefined
        : structure.flatten(state, `events[${n}].${name}`, (part, of, i) =>
            kind.cotangent(part, of, y0[i]!.shape),
          );
    return { t, before: parts(before, 'before'), after: parts(after, 'after') };
  });
}
