/** The outputs at the same time as output `first`, itself included, last first. */
export function* outputsAt(ts: readonly number[], first: number): Generator<number> {
  let last = first;
  while (ts[last + 1] === ts[first]) last += 1;
  for (let i = last; i >= first; i--) yield i;
}
