import { SolveError, type Course, type Engine, type Parts, type Stretch } from '@odegrad/core';

/** What of a budget is that of a part: what it holds since it was solved, and what it may. */
interface Share {
  readonly bytes: number;
  readonly most: number;
}

/**
 * Shares a budget out among the parts of a solve with events, whose number nobody knows. Each gets half of what is left, since others may
 * follow; the way back of the first parts is given up while those before hold more than half of it all, and where nothing can be done with
 * what is left. Backward such a part is solved again, with all that is free by then.
 */
export function shareOut<A>(parts: Parts<A>, maxBytes: number): Course<A> {
  const { problem, memory, stretches, solve, again, forget } = parts;
  const { events = [] } = problem;
  const { ledger } = memory;
  const besides = bytesBesides(parts);
  /** Of the parts whose way back is there, the first one first. */
  const shares = new Map<Stretch<A>, Share>();
  const giveUp = (stretch: Stretch<A>): void => {
    shares.delete(stretch);
    forget(stretch);
  };
  const giveUpFirst = (): boolean => {
    const [first] = shares.keys();
    if (first) giveUp(first);
    return first !== undefined;
  };
  return {
    *next(start) {
      let room = events.some(({ then }) => then === 'record') ? 2 : 0;
      let divisor = events.some(({ then }) => typeof then === 'object') ? 2 : 1;
      // A part that is solved again gives its states once more, and each entry has a cotangent then.
      const given = stretches.map(
        ({ solution: { ys, between }, recorded }) => ys.length + between.length + recorded.length,
      );
      while (ledger.bytes > maxBytes / 2 && giveUpFirst());
      for (;;) {
        const { bytes, accepted } = ledger;
        const most = (maxBytes - bytes) / divisor;
        const free = besides(3 * room + Math.max(0, ...given));
        try {
          const solved = yield* solve(start, { maxBytes: Math.max(1, bytes + most - free), room });
          if (solved) {
            shares.set(solved.stretch, { bytes: ledger.bytes - bytes, most });
            return solved;
          }
          room *= 2;
        } catch (error) {
          const isTooSmall = error instanceof SolveError && error.code === 'over-budget';
          if (!isTooSmall || ledger.accepted > accepted) throw error;
          if (giveUpFirst()) continue;
          if (divisor === 1) throw overBudget(maxBytes, start.t, error.leastBytes! + free);
          divisor = 1;
        }
      }
    },
    *wayBack(stretch) {
      const share = shares.get(stretch);
      if (share && ledger.bytes - share.bytes + share.most <= maxBytes) return stretch.solution;
      if (share) giveUp(stretch);
      return yield* again(stretch);
    },
    passed(stretch, solution) {
      if (solution !== stretch.solution) solution.release();
      // The last one needs no more the next time than it had.
      else if (stretch !== stretches.at(-1)) giveUp(stretch);
    },
  };
}

/**
 * The most bytes that looking at steps and at what happened, and going back over it, takes besides the solve of a part, with so many
 * states more.
 */
function bytesBesides<A>({ problem, memory }: Parts<A>): (states: number) => number {
  const { field, y0, ts, events = [] } = problem;
  const functions = events.flatMap(({ when, then }) => [
    when.field,
    ...(typeof then === 'object' ? [then] : []),
  ]);
  const activations = functions.map((at) =>
    memory.scope(() => memory.adoptLinearization(at.linearize(ts[0]!, y0)).bytes),
  );
  const looks = [...new Set(events.map(({ looks: count = 4 }) => count))].reduce(
    (sum, count) => sum + count,
    0,
  );
  const rest = 4 * bytesOf(field.engine, field.parameters) + Math.max(...activations);
  return (states) => (looks + 10 + states) * bytesOf(field.engine, y0) + rest;
}

const bytesOf = <A>(engine: Engine<A>, arrays: readonly A[]): number =>
  arrays.reduce((sum, x) => sum + engine.bytes(x), 0);

function overBudget(maxBytes: number, t: number, leastBytes: number): SolveError {
  return new SolveError(
    'over-budget',
    `A budget of ${maxBytes} bytes is too small: to get past t = ${t} this gradient takes ${leastBytes} at least, what happened ` +
      'before included. Raise `maxBytes`, or make the state, the parameters or f smaller',
    { t, h: 0, steps: 0, leastBytes },
  );
}
