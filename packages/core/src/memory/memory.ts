import { generations } from './generations.ts';
import { bookBytes, bookKept } from './ledger.ts';
import { type Ledger } from '../types/statistics.ts';
import type { Engine, State } from '../types/engine.ts';
import type { Linearization } from '../types/linearization.ts';
import type { SegmentLinearization } from '../types/kernel.ts';

/**
 * Who owns what, in one place. Every array and linearization made during a solve is adopted; it dies with
 * the scope that it was made in, unless somebody holds it, and then with the last hold. Engines, solvers and
 * strategies never release anything, so a thrown error or an abort cannot leak.
 */
export interface Memory<A> {
  readonly ledger: Ledger;
  /** The engine, with its results adopted. `release` ends an array of ours that nobody holds before its scope does. */
  readonly engine: Engine<A>;
  /** Runs `body`; what it made and nobody holds is released when it ends or throws. */
  scope<T>(body: () => T): T;
  /** Begins a scope, for loops that pause within one; what comes back ends it. Scopes end in the reverse order. */
  open(): () => void;
  /** Takes over an array that was just made. */
  adopt(x: A): A;
  adoptState(x: State<A>): State<A>;
  /** Takes over a linearization that was just made, the value of one at a point included. */
  adoptLinearization<T extends Held<A>>(x: T): T;
  /** Keeps arrays alive until they are dropped as often. Arrays of the caller are never released. */
  hold(x: State<A>): State<A>;
  drop(x: State<A>): void;
  /** Holds states for the backward pass: `hold`, booked as kept. */
  keep(x: State<A>): void;
  forget(x: State<A>): void;
  /** Books so many bytes more of states that are kept apart from arrays (`Shelf`). */
  keepBytes(change: number): void;
  holdLinearization(x: Held<A>): void;
  dropLinearization(x: Held<A>): void;
  /** Hands arrays over to the caller: they are no longer ours. */
  escape(x: State<A>): State<A>;
  /** Releases everything that is still ours. */
  readonly releaseAll: () => void;
}

/** What a linearization, at a point or of steps, is to its owner. */
type Held<A> = Pick<Linearization<A>, 'bytes' | 'release'> &
  Partial<Pick<Linearization<A>, 'value'> & Pick<SegmentLinearization<A>, 'stateBytes'>>;

interface Holding {
  readonly bytes: number;
  /** Bytes of activations among them. */
  readonly activations: number;
  readonly release: (() => void) | undefined;
  holds: number;
  keeps: number;
  scoped: boolean;
}

/** An ownership book for one solve, counting into `ledger`. */
export function createMemory<A>(engine: Engine<A>, ledger: Ledger): Memory<A> {
  const holdings = generations<unknown, Holding>();
  let apart = 0;
  const scopes: unknown[][] = [];

  const add = (x: unknown, bytes: number, activations: number, release?: () => void): Holding => {
    const scope = release && scopes.at(-1);
    const holding = { bytes, activations, release, holds: 0, keeps: 0, scoped: scope !== undefined };
    holdings.add(x, holding);
    scope?.push(x);
    bookBytes(ledger, bytes, activations);
    return holding;
  };
  const end = (x: unknown, holding: Holding, release: boolean): void => {
    holdings.delete(x);
    bookBytes(ledger, -holding.bytes, -holding.activations);
    if (release) holding.release?.();
  };
  const hold = (x: unknown, holding: Holding): void => {
    holding.holds += 1;
  };
  const drop = (x: unknown): void => {
    const holding = holdings.get(x)!;
    holding.holds -= 1;
    if (holding.holds === 0 && !holding.scoped) end(x, holding, true);
  };
  // An array that nobody adopted belongs to the caller; while we hold it, it counts but is not ours to release.
  const find = (x: A): Holding => holdings.get(x) ?? add(x, engine.bytes(x), 0);
  const begin = (): unknown[] => {
    const made: unknown[] = [];
    scopes.push(made);
    return made;
  };
  const close = (made: readonly unknown[]): void => {
    scopes.pop();
    for (const x of made) {
      const holding = holdings.get(x);
      if (!holding) continue;
      holding.scoped = false;
      if (holding.holds === 0) end(x, holding, true);
    }
  };
  const adopt = (x: A): A => {
    if (!holdings.get(x))
      add(x, engine.bytes(x), 0, () => {
        engine.release(x);
      });
    return x;
  };

  const memory: Memory<A> = {
    ledger,
    engine: {
      name: engine.name,
      roundoff: engine.roundoff,
      combine: (base, terms, scale) => adopt(engine.combine(base, terms, scale)),
      zeros: (like) => adopt(engine.zeros(like)),
      dot: (x, y) => engine.dot(x, y),
      scaledNorm: (error, y0, y1, tolerance) => engine.scaledNorm(error, y0, y1, tolerance),
      scaledMax: (error, y0, y1, tolerance) => engine.scaledMax(error, y0, y1, tolerance),
      isFinite: (x) => engine.isFinite(x),
      bytes: (x) => engine.bytes(x),
      ...(engine.entries && {
        entries: {
          ...engine.entries,
          write: (values: Float64Array, like: A) => adopt(engine.entries!.write(values, like)),
        },
      }),
      ...(engine.mixRows && { mixRows: (count, terms) => adopt(engine.mixRows!(count, terms)) }),
      release(x) {
        const holding = holdings.get(x);
        if (holding?.holds === 0) end(x, holding, true);
      },
    },
    scope(body) {
      const made = begin();
      try {
        return body();
      } finally {
        close(made);
      }
    },
    open() {
      const made = begin();
      return () => {
        close(made);
      };
    },
    adopt,
    adoptState: (x) => (x.forEach(adopt), x),
    adoptLinearization(x) {
      x.value?.forEach(adopt);
      add(x, x.bytes + (x.stateBytes ?? 0), x.bytes, () => {
        x.release();
      });
      return x;
    },
    hold(x) {
      for (const part of x) hold(part, find(part));
      return x;
    },
    drop(x) {
      x.forEach(drop);
    },
    keep(x) {
      for (const part of x) {
        const holding = find(part);
        hold(part, holding);
        if (holding.keeps++ === 0) bookKept(ledger, holding.bytes);
      }
    },
    forget(x) {
      for (const part of x) {
        const holding = holdings.get(part)!;
        if (--holding.keeps === 0) bookKept(ledger, -holding.bytes);
        drop(part);
      }
    },
    keepBytes(change) {
      apart += change;
      bookBytes(ledger, change, 0);
      bookKept(ledger, change);
    },
    holdLinearization(x) {
      hold(x, holdings.get(x)!);
    },
    dropLinearization: drop,
    escape(x) {
      for (const part of x) {
        const holding = holdings.get(part);
        if (!holding) continue;
        if (holding.keeps > 0) bookKept(ledger, -holding.bytes);
        end(part, holding, false);
      }
      return x;
    },
    releaseAll() {
      memory.keepBytes(-apart);
      for (const [x, holding] of holdings) {
        if (holding.keeps > 0) bookKept(ledger, -holding.bytes);
        end(x, holding, true);
      }
    },
  };
  return memory;
}
