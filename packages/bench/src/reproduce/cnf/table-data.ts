import { readFile } from 'node:fs/promises';
import { ArgumentError } from '@odegrad/core';
import { systemReason } from '../../system-reason.ts';

/** Rows of numbers, each column with mean 0 and deviation 1, and what that took. */
export interface TableData {
  readonly rows: readonly (readonly number[])[];
  /** Σ log deviation: what the density in the table's own units has less. */
  readonly logScale: number;
}

/**
 * Reads a table of numbers, separated by commas, with or without a line of names.
 *
 * @throws {ArgumentError} if it cannot be read, or is no such table.
 */
export async function readTable(path: string): Promise<TableData> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ArgumentError(`'${path}' cannot be read: ${systemReason(error)}.`, { cause: error });
  }
  const lines = text
    .split(/\r?\n/)
    .flatMap((line, i) => (line.trim() === '' ? [] : [{ line, number: i + 1 }]));
  const cells = lines.map(({ line }) => line.split(',').map((cell) => cell.trim()));
  const isNumber = (cell: string): boolean => cell !== '' && Number.isFinite(Number(cell));
  // Names have no numbers among them.
  const skipped = cells[0]?.every((cell) => !isNumber(cell)) ? 1 : 0;
  const rows = cells.slice(skipped).map((row, i) => {
    const { number } = lines[i + skipped]!;
    const wrong = row.find((cell) => !isNumber(cell));
    if (wrong !== undefined)
      throw new ArgumentError(
        `'${path}', line ${number}: '${wrong}' is no number. Leave out rows and columns that are not of numbers.`,
      );
    if (row.length !== cells[skipped]!.length)
      throw new ArgumentError(
        `'${path}', line ${number}: ${row.length} numbers, but ${cells[skipped]!.length} in the first row.`,
      );
    return row.map(Number);
  });
  if (rows.length < 20)
    throw new ArgumentError(`'${path}' has ${rows.length} rows of numbers. A density needs 20 at least.`);
  return standardized(path, rows);
}

function standardized(path: string, rows: readonly (readonly number[])[]): TableData {
  const columns = rows[0]!.map((_, j) => {
    const values = rows.map((row) => row[j]!);
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
    if (!(deviation > 0))
      throw new ArgumentError(
        `'${path}': column ${j + 1} is the same number everywhere, and has no density. Leave it out.`,
      );
    return { mean, deviation };
  });
  return {
    rows: rows.map((row) => row.map((v, j) => (v - columns[j]!.mean) / columns[j]!.deviation)),
    logScale: columns.reduce((sum, { deviation }) => sum + Math.log(deviation), 0),
  };
}
