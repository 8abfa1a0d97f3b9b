import { ArgumentError, type Engine, type Entries, type State } from '@odegrad/core';

/** States as vectors: rows that do not meet one behind the other, each with its entries of every part. */
export interface Layout<A> {
  /** Rows that f does not mix; 1 where it may mix all entries. */
  readonly rows: number;
  /** Entries of a row. */
  readonly width: number;
  /** Where the entries of each part begin within a row, and the width. */
  readonly bounds: readonly number[];
  read(y: State<A>): Float64Array;
  write(vector: Float64Array, like: State<A>): State<A>;
}

/** @throws {ArgumentError} where the engine does not give its numbers. */
export function entriesOf<A>(engine: Engine<A>, solver: string): Entries<A> {
  if (engine.entries) return engine.entries;
  throw new ArgumentError(
    `Solver '${solver}' solves equations in numbers, which engine '${engine.name}' does not give (Engine.entries). Take an explicit ` +
      `solver, or another engine.`,
  );
}

/** Rows along the first dimension that all parts have in common; 1 where there is no such thing. */
export function rowsOf<A>(entries: Entries<A>, y: State<A>): number {
  const counts = y.map((x) => entries.shape(x)[0] ?? 1);
  return counts.every((count) => count === counts[0]) ? Math.max(1, counts[0]!) : 1;
}

export function layoutOf<A>(entries: Entries<A>, like: State<A>, rows: number): Layout<A> {
  const widths = like.map((x) => entries.shape(x).reduce((size, dim) => size * dim, 1) / rows);
  const width = widths.reduce((sum, x) => sum + x, 0);
  /** Where the entries of each part begin within a row. */
  const starts = widths.map((_, part) => widths.slice(0, part).reduce((sum, x) => sum + x, 0));
  const bounds = [...starts, width];
  if (rows === 1 && like.length === 1)
    return {
      rows,
      width,
      bounds,
      read: ([x]) => entries.read(x!),
      write: (vector, [x]) => [entries.write(vector, x!)],
    };
  return {
    rows,
    width,
    bounds,
    read(y) {
      const vector = new Float64Array(rows * width);
      y.forEach((x, part) => {
        const [values, size] = [entries.read(x), widths[part]!];
        for (let row = 0; row < rows; row++)
          vector.set(values.subarray(row * size, (row + 1) * size), row * width + starts[part]!);
      });
      return vector;
    },
    write: (vector, y) =>
      y.map((x, part) => {
        const [start, size] = [starts[part]!, widths[part]!];
        const values = new Float64Array(rows * size);
        for (let row = 0; row < rows; row++)
          values.set(vector.subarray(row * width + start, row * width + start + size), row * size);
        return entries.write(values, x);
      }),
  };
}
