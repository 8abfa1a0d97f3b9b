import { runningSum, type RunningSum } from '../memory/running-sum.ts';
import { partAt } from './dense-parts.ts';
import type { Course, Parts } from './parts.ts';
import { pullBackJump, pullBackTime, total, type AtEvent } from './pull-back.ts';
import { offsetOf, type Stretch } from './stretch.ts';
import type { State } from '../types/engine.ts';
import type { Gradient, PointCotangent, ReadCotangents } from '../types/problem.ts';
import type { Steps } from '../types/progress.ts';

/** The backward pass, from the last part to the first. */
export function* pullBackParts<A>(
  parts: Parts<A>,
  course: Course<A>,
  cotangents: readonly (State<A> | undefined)[],
  within: ReadCotangents<A>,
): Steps<A, Gradient<A>> {
  const { problem, memory, stretches, release } = parts;
  const { ts, between = [], field } = problem;
  const zeros = (list: readonly unknown[]): number[] => list.map(() => 0);
  const times: Times = { ts: zeros(ts), between: zeros(between), points: zeros(within.points ?? []) };
  const parameters = runningSum(memory);
  const close = memory.open();
  let isWhole = false;
  try {
    let after: AtEvent<A> = { y: undefined, t: 0 };
    for (const stretch of [...stretches].reverse()) {
      const before = yield* pullBackPart(parts, course, stretch, {
        cotangents,
        within,
        after,
        parameters,
        times,
      });
      if (after.y) memory.drop(after.y);
      after = before;
    }
    isWhole = true;
    return {
      y0: memory.escape(after.y!),
      parameters: memory.escape(parameters.value ?? field.parameters.map((x) => memory.engine.zeros(x))),
      ts: times.ts,
      ...(problem.between && { between: times.between }),
      ...(problem.dense && { points: times.points }),
    };
  } finally {
    close();
    if (!isWhole) release();
  }
}

/** ∂ℒ/∂t of all times. */
interface Times {
  readonly ts: number[];
  readonly between: number[];
  readonly points: number[];
}

/** What comes to a part from those after it, and what they add to. */
interface Incoming<A> {
  readonly cotangents: readonly (State<A> | undefined)[];
  readonly within: ReadCotangents<A>;
  readonly after: AtEvent<A>;
  readonly parameters: RunningSum<A>;
  readonly times: Times;
}

/** Goes back over one part, to the cotangents of its start, whose state is held. */
function* pullBackPart<A>(
  parts: Parts<A>,
  course: Course<A>,
  stretch: Stretch<A>,
  { cotangents, within, after, parameters, times }: Incoming<A>,
): Steps<A, AtEvent<A>> {
  const { memory, stretches } = parts;
  const { start, ending } = stretch;
  const offset = offsetOf(start);
  const isLast = stretch === stretches.at(-1);
  const isHere = (i: number): boolean => i > 0 || start.h === undefined;
  const outputs = cotangentsOf(parts, stretch, cotangents);
  // Of the ends of steps the last is the state at the event that cut it.
  const atEnd = parts.problem.steps && ending.length > 0 ? outputs.pop() : undefined;
  const points = pointsOf(parts, stretch, within, { after, atEnd }, parameters);
  const close = memory.open();
  try {
    // What was read of this part.
    const own = (within.points ?? []).flatMap((point, i) =>
      partAt(parts, point.t) === stretch ? [{ point, i }] : [],
    );
    const solution = yield* course.wayBack(stretch);
    const read = within.between?.slice(start.between, start.between + solution.between.length);
    const gradient: Gradient<A> = yield* solution.pullbackBySteps!(
      solution.ts.map((_, i) => outputs[i]),
      {
        ...(read?.length && { between: read }),
        points: [...points, ...own.map(({ point }) => point)],
        end: isLast ? within.end : undefined,
      },
    );
    for (const { cotangent } of points) memory.drop(cotangent);
    course.passed(stretch, solution);
    gradient.ts.forEach((t, i) => {
      if (isHere(i)) times.ts[i + offset]! += t;
    });
    gradient.between?.forEach((t, i) => {
      times.between[start.between + i]! += t;
    });
    own.forEach(({ i }, k) => {
      times.points[i] = gradient.points![points.length + k]!;
    });
    parameters.add(memory.adoptState(gradient.parameters));
    return { y: memory.hold(memory.adoptState(gradient.y0)), t: gradient.ts[0]! };
  } finally {
    close();
  }
}

/** The cotangents of the states that a part gave. */
function cotangentsOf<A>(
  { problem, stretches }: Parts<A>,
  stretch: Stretch<A>,
  cotangents: readonly (State<A> | undefined)[],
): (State<A> | undefined)[] {
  const { start, solution } = stretch;
  const { length } = solution.ts;
  if (problem.steps) {
    const before = stretches.slice(0, stretches.indexOf(stretch));
    const first = before.reduce((sum, { solution: { ts } }) => sum + ts.length, 0);
    return cotangents.slice(first, first + length);
  }
  const offset = offsetOf(start);
  return Array.from({ length }, (_, i) =>
    i > 0 || start.h === undefined ? cotangents[i + offset] : undefined,
  );
}

/** The cotangents of the states at what happened in a part, held. */
function pointsOf<A>(
  { problem, memory, entries }: Parts<A>,
  { recorded, ending }: Stretch<A>,
  { events: given }: ReadCotangents<A>,
  { after: next, atEnd }: { readonly after: AtEvent<A>; readonly atEnd: State<A> | undefined },
  parameters: RunningSum<A>,
): readonly PointCotangent<A>[] {
  const { events = [] } = problem;
  const points: PointCotangent<A>[] = [];
  const add = (index: number, cotangent: AtEvent<A>): void => {
    const entry = entries[index]!;
    const v = pullBackTime(memory, events[entry.event]!, entry, cotangent, parameters.add);
    if (v) points.push({ t: entry.t, cotangent: memory.hold(v) });
  };
  memory.scope(() => {
    let after = next;
    for (const index of [...ending].reverse()) {
      const entry = entries[index]!;
      after = pullBackJump(memory, events[entry.event]!, entry, after, given?.[index], parameters.add);
    }
    if (ending.length > 0) add(ending[0]!, { ...after, y: total(memory, [after.y, atEnd]) });
  });
  for (const index of recorded) {
    const { t = 0, before, after } = given?.[index] ?? {};
    memory.scope(() => {
      add(index, { y: total(memory, [before, after]), t });
    });
  }
  return points;
}
