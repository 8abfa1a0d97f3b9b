import Table from 'cli-table3';

/** A column of a table: what stands above it, and in each row. */
export type Column<T> = readonly [head: string, cell: (row: T) => string | number];

/** Rows as a table of text for people. Columns after the first `left` have their cells at the right. */
export function textTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  left: number = columns.length,
): string {
  const table = new Table({
    head: columns.map(([head]) => head),
    colAligns: columns.map((_, i) => (i < left ? 'left' : 'right')),
    // Colours belong to terminals, and this may go into a file.
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(columns.map(([, cell]) => cell(row)));
  return table.toString();
}
