import { textTable } from '../text-table.ts';
import type { Comparison } from './compare.ts';

/** The rows as a table for people. */
export function comparisonTable(rows: readonly Comparison[]): string {
  return textTable(
    rows,
    [
      ['strategy', (row) => (row.exact ? row.strategy : `${row.strategy} (not exact)`)],
      ['kept', (row) => bytes(row.keptStateBytes)],
      ['activations', (row) => bytes(row.activationBytesPeak)],
      ['evaluations', (row) => `${row.evaluationsForward} + ${row.evaluationsBackward}`],
      ['pullbacks', (row) => row.pullbacks],
      ['error', (row) => errorText(row.gradientError)],
      ['forward', (row) => milliseconds(row.forwardMs)],
      ['backward', (row) => milliseconds(row.backwardMs)],
    ],
    1,
  );
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
