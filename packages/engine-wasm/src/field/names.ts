import type { State } from '@odegrad/core';
import type { FloatData } from '@odegrad/trace';

import type { WasmArray } from '../runtime/array.ts';

/** Names of parts: `y0`, `y1`, … */
export const namesOf = (prefix: string, list: readonly unknown[]): string[] =>
  list.map((_, i) => `${prefix}${i}`);

/** The entries of arrays, by name. */
export function entriesOf(names: readonly string[], arrays: State<WasmArray>): Record<string, FloatData> {
  const entries: Record<string, FloatData> = {};
  for (let i = 0; i < names.length; i++) entries[names[i]!] = arrays[i]!.data as FloatData;
  return entries;
}
