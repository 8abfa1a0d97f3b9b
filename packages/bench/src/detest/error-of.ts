/** The largest error of a component, relative to that component or to 1. */
export function errorOf(y: readonly number[], exact: readonly number[]): number {
  const errors = exact.map((x, i) => Math.abs(y[i]! - x) / Math.max(1, Math.abs(x)));
  // What is no number is no small error.
  return errors.reduce((most, x) => (Number.isNaN(x) ? Infinity : Math.max(most, x)), 0);
}
