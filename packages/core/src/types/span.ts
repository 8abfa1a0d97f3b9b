/** The interval of one step; `t1` is the very number at which the next step begins. */
export interface Span {
  readonly t0: number;
  readonly t1: number;
  /** The times that f sees at the ends, where these are jumps of f and it is to see them from within. */
  readonly from?: number;
  readonly to?: number;
}
