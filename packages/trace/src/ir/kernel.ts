import type { Attributes } from './program.ts';
import type { ResultRule } from './result-rules.ts';

/**
 * In what a kernel is linear: in all operands together, as a sum is, or in each of the named ones while the others stay the same,
 * as a product is.
 */
export type Linear = 'jointly' | readonly string[];

/** How the rows of a batch fare in a kernel: the rule of `passes/sharding.ts` that tells. */
export type RowRule =
  | 'entries'
  | 'axes'
  | 'sum'
  | 'product'
  | 'fused product'
  | 'view'
  | 'transpose'
  | 'pack'
  | 'slice'
  | 'pad'
  | 'tile'
  | 'layer of x'
  | 'layer of dy'
  | 'filter'
  | 'images';

/** What a kernel is: all that passes and backends ask of it. What is left out does not hold, or is not known. */
export interface Kernel {
  /** Names of its operands; `?` marks one that may be missing, `*` stands for any number of them: 0, 1, … */
  readonly operands: string;
  /** Shapes and types of its results; where it is left out, a backend is asked. */
  readonly result?: ResultRule;
  /** Whether its results are a list even where there is one. */
  readonly several?: true;
  /** Whether each entry is made of the entries at the same place, operands broadcast. */
  readonly elementwise?: true;
  /** Whether its entries are those of its operand in another order. */
  readonly permutes?: true;
  /** Whether a lone operand with as many entries as the result has is the result. */
  readonly idleAtFullSize?: true;
  /** Whether its two operands may change places. */
  readonly commutative?: true;
  /** The second operand that leaves the first as it is. */
  readonly neutral?: number;
  readonly linear?: Linear | ((attrs: Attributes) => Linear | undefined);
  /** Whether doing it again beats keeping its result. */
  readonly cheap?: true;
  /** What one entry of its result costs, in multiplications; where it is left out, a pass over the largest array. */
  readonly cost?: number;
  /** Whether it sums products over what its result does not have: its work grows faster than what it reads and writes. */
  readonly contracts?: 'matrices' | 'windows';
  readonly rows?: RowRule;
}

/** Kernels by their names. */
export type Kernels = Readonly<Record<string, Kernel>>;

/** Several kernels that are alike. */
export function family(names: string, kernel: Kernel): Kernels {
  return Object.fromEntries(names.split(' ').map((name) => [name, kernel]));
}
