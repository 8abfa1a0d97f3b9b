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
 * Whether rows of a batch seem not to meet in f: a cotangent of half of the rows gives nothing in the others. The halves are those
 * of the sequence of Thue and Morse, which no shift maps onto itself. What is wrong here costs iterations and no digits.
 */
export function rowsAreApart<A>(
  engine: Engine<A>,
  layout: Layout<A>,
  like: State<A>,
  pull: Pull<A>,
): boolean {
  const { rows, width } = layout;
  const isIn = (row: number): boolean => {
    let odd = false;
    for (let rest = row; rest > 0; rest >>>= 1) odd = odd !== ((rest & 1) === 1);
    return odd;
  };
  const cotangent = new Float64Array(rows * width);
  // No two entries alike, so that differences do not cancel.
  for (let i = 0; i < cotangent.length; i++)
    if (isIn(Math.floor(i / width))) cotangent[i] = 1 + Math.sin(i + 1) / 2;
  return pullVector(engine, layout, like, pull, cotangent).every(
    (x, i) => isIn(Math.floor(i / width)) || x === 0,
  );
}
