/** The interval of one step; `t1` is the very number at which the next step begins. */
export interface Span {
  readonly t0: number;
  readonly t1: number;
}
