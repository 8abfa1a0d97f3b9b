import type { Engine, Pull, State } from '@odegrad/core';

import type { Layout } from './layout.ts';

/**
 * ∂f/∂y by rows of a batch: of row b the entry ∂fᵢ/∂yⱼ stands at (b·d + i)·d + j. Each pullback gives entry i of all rows.
 */
export function jacobian<A>(
  engine: Engine<A>,
  layout: Layout<A>,
  like: State<A>,
  pull: Pull<A>,
): Float64Array {
  const { rows, width } = layout;
  const entries = new Float64Array(rows * width * width);
  for (let i = 0; i < width; i++) {
    const unit = new Float64Array(rows * width);
    for (let row = 0; row < rows; row++) unit[row * width + i] = 1;
    const pulled = pullVector(engine, layout, like, pull, unit);
    for (let row = 0; row < rows; row++)
      entries.set(pulled.subarray(row * width, (row + 1) * width), (row * width + i) * width);
  }
  return entries;
}

/** A cotangent pulled back, in numbers. */
export function pullVector<A>(
  engine: Engine<A>,
  layout: Layout<A>,
  like: State<A>,
  pull: Pull<A>,
  cotangent: Float64Array,
): Float64Array {
  const k = layout.write(cotangent, like);
  const pulled = pull(k);
  const result = layout.read(pulled);
  for (const x of [...k, ...pulled]) engine.release(x);
  return result;
}

/**
 * Whether rows of a batch do not meet in f at a point: cotangents of some rows give nothing in the others. By each digit of their numbers
 * in base 2 rows are in one group or the other, so that any two rows are once in different ones.
 */
export function rowsAreApart<A>(
  engine: Engine<A>,
  layout: Layout<A>,
  like: State<A>,
  pull: Pull<A>,
): boolean {
  const { rows, width } = layout;
  const staysIn = (isIn: (row: number) => boolean): boolean => {
    const cotangent = new Float64Array(rows * width);
    // No two entries alike, so that differences do not cancel.
    for (let i = 0; i < cotangent.length; i++)
      if (isIn(Math.floor(i / width))) cotangent[i] = 1 + Math.sin(i + 1) / 2;
    return pullVector(engine, layout, like, pull, cotangent).every(
      (x, i) => isIn(Math.floor(i / width)) || x === 0,
    );
  };
  for (let digit = 1; digit < rows; digit *= 2)
    for (const side of [0, digit]) if (!staysIn((row) => (row & digit) === side)) return false;
  return true;
}
