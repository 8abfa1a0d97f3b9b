import Table from 'cli-table3';
import type { Comparison } from './compare.ts';

/** The rows as a table for people. */
export function comparisonTable(rows: readonly Comparison[]): string {
  const table = new Table({
    head: ['strategy', 'kept', 'activations', 'evaluations', 'pullbacks', 'error', 'forward', 'backward'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    // Colours belong to terminals, and this may go into a file.
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    table.push([
      row.exact ? row.strategy : `${row.strategy} (not exact)`,
      bytes(row.keptStateBytes),
      bytes(row.activationBytesPeak),
      `${row.evaluationsForward} + ${row.evaluationsBackward}`,
      row.pullbacks,
      errorText(row.gradientError),
      milliseconds(row.forwardMs),
      milliseconds(row.backwardMs),
    ]);
  }
  return table.toString();
}

/** A number of bytes as people read it, in powers of 1000. */
export function bytes(count: number): string {
  if (count < 1000) return `${Math.round(count)} B`;
  // Rounded first: 999 999 is 1.00 MB.
  const rounded = Number(count.toPrecision(3));
  const power = Math.min(4, Math.floor(Math.log10(rounded) / 3));
  return `${(rounded / 1000 ** power).toPrecision(3)} ${['B', 'kB', 'MB', 'GB', 'TB'][power]!}`;
}

/** A relative error in two digits. */
export function errorText(error: number): string {
  return error === 0 ? '0' : error.toExponential(1);
}

function milliseconds(ms: number): string {
  return `${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}
