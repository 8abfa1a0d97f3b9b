/** How many fields of one function are remembered: along other variables, say. */
const OF_ONE = 4;

/** What was made of a function, and of what besides. */
interface Made {
  readonly of: readonly unknown[];
  readonly value: unknown;
}

const byFunction = new WeakMap<object, Made[]>();

/**
 * What `make` makes of a function and things besides: the same object while these are the same, so that an engine knows it again and
 * need not record its gradient anew. It lives as long as the function.
 */
export function remembered<T>(f: unknown, of: readonly unknown[], make: () => T): T {
  // What is no function at all is refused where it is called.
  if (!isKey(f)) return make();
  const made = byFunction.get(f) ?? [];
  byFunction.set(f, made);
  const at = made.findIndex((one) => one.of.length === of.length && one.of.every((x, i) => x === of[i]));
  const [known = { of, value: make() }] = at < 0 ? [] : made.splice(at, 1);
  made.unshift(known);
  made.length = Math.min(made.length, OF_ONE);
  return known.value as T;
}

const isKey = (x: unknown): x is object => (typeof x === 'object' && x !== null) || typeof x === 'function';
