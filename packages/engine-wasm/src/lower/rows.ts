import type { Sharding } from '@odegrad/trace';

/** Rows that lie in lanes: a batch of `count`, of which a tile takes `tile` at a time. */
export interface Rows {
  readonly count: number;
  readonly tile: number;
  /** Of every value of the program. */
  readonly shardings: readonly Sharding[];
}
