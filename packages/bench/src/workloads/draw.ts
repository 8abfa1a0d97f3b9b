import { mulberry32 } from '../mulberry32.ts';
import type { ArraySpec, WorkloadSpec } from './spec.ts';

/** Numbers with a shape, row-major. */
export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The numbers of a workload: parameters, then the initial state, then constants, from one stream. */
export interface Draws {
  readonly params: readonly NamedArray[];
  readonly y0: readonly NamedArray[];
  readonly consts: readonly NamedArray[];
}

/** Draws the numbers of a workload; the same ones every time. */
export function drawWorkload(spec: WorkloadSpec): Draws {
  const next = mulberry32(spec.seed);
  const array = (entry: ArraySpec): NamedArray => {
    const length = entry.shape.reduce((product, n) => product * n, 1);
    return {
      name: entry.name,
      shape: entry.shape,
      values: Float32Array.from({ length }, entryOf(entry, next)),
    };
  };
  // In this order, since they share the stream.
  const params = spec.params.map(array);
  const y0 = spec.y0.map(array);
  return { params, y0, consts: spec.consts.map(array) };
}

function entryOf({ init, bound, fan_in = 1 }: ArraySpec, next: () => number): () => number {
  if (init === 'zeros') return () => 0;
  if (init === 'sign') return () => (next() < 0.5 ? -1 : 1);
  const size = bound ?? 1 / Math.sqrt(fan_in);
  return () => (2 * next() - 1) * size;
}
