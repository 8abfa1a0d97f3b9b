/** A number of things as one says it: 1 iteration, 2 iterations. */
export function counted(n: number, thing: string): string {
  return `${n} ${thing}${n === 1 ? '' : 's'}`;
}
