import type { Engine } from '@odegrad/core';
import fc from 'fast-check';
import { expect } from 'vitest';

/** An engine to be tried, and the way in and out of its arrays. */
export interface EngineContract<A> {
  readonly name: string;
  /** Makes the engine; called once, before its tests. */
  readonly create: () => Engine<A> | Promise<Engine<A>>;
  /** An array of the given entries and shape, which the caller owns. */
  readonly make: (values: readonly number[], shape: readonly number[]) => A;
  /** The entries of an array, in the order of `make`. */
  readonly read: (x: A) => ArrayLike<number>;
  /** The shape of an array; not tested without. */
  readonly shape?: (x: A) => readonly number[];
  /** Arrays alive; what stays alive is not tested without. */
  readonly live?: () => number;
  /** Undoes what `create` did. */
  readonly dispose?: () => void;
}

// Relative error bounds hold as long as no product falls below the normal numbers of float32.
const ordinary = (x: number): number => (Math.abs(x) < 1e-6 ? 0 : x);

/** Entries that the engine's precision holds exactly, and a shape for them. */
export const tensor = (count?: number): fc.Arbitrary<{ values: number[]; shape: number[] }> =>
  fc
    .tuple(count === undefined ? fc.integer({ min: 1, max: 12 }) : fc.constant(count), fc.boolean())
    .chain(([length, matrix]) =>
      fc.record({
        values: fc.array(
          fc.float({ min: -1000, max: 1000, noNaN: true, noDefaultInfinity: true }).map(ordinary),
          {
            minLength: length,
            maxLength: length,
          },
        ),
        shape: fc.constant(matrix && length % 2 === 0 ? [2, length / 2] : [length]),
      }),
    );
/** Lists of so many, of one shape. */
export const tensors = (count: number): fc.Arbitrary<{ values: number[]; shape: number[] }[]> =>
  tensor().chain(({ values, shape: dims }) =>
    fc
      .array(tensor(values.length), { minLength: count, maxLength: count })
      .map((list) => list.map((item) => ({ values: item.values, shape: dims }))),
  );
/** A coefficient of a linear combination. */
export const coefficient: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, -1),
  fc.double({ min: -10, max: 10, noNaN: true }).map(ordinary),
);

/** Entries of an array, and its shape. */
interface Entries {
  readonly values: readonly number[];
  readonly shape: readonly number[];
}

/** Runs `body` on arrays of these entries; they must be as before, and what it returns be all that was made. */
export type WithArrays<A> = (entries: readonly Entries[], body: (arrays: A[]) => A | undefined) => void;

/** `engine` is asked for when a test runs: it is made before. */
export function arraysOf<A>(
  engineNow: () => Engine<A>,
  { make, read, shape, live }: EngineContract<A>,
): WithArrays<A> {
  return (entries, body) => {
    const engine = engineNow();
    const start = live?.();
    const arrays = entries.map(({ values, shape: dims }) => make(values, dims));
    const made = live?.();
    const result = body(arrays);
    if (made !== undefined) expect(live!()).toBe(made + (result === undefined ? 0 : 1));
    if (result !== undefined) {
      expect(arrays).not.toContain(result);
      expect(engine.bytes(result)).toBe(engine.bytes(arrays[0]!));
      if (shape) expect(shape(result)).toEqual(shape(arrays[0]!));
      engine.release(result);
    }
    arrays.forEach((x, i) =>
      expect(Array.from(read(x), (v) => v + 0)).toEqual(entries[i]!.values.map((v) => v + 0)),
    );
    for (const x of arrays) engine.release(x);
    if (start !== undefined) expect(live!()).toBe(start);
  };
}
