/** So many entries are set before those that are still there count as old. */
const YOUNG = 1024;

/** What a `Map` does, for keys of which most live for a moment and some for long. */
export interface Generations<K, V> {
  get(key: K): V | undefined;
  /** Sets a key that is not there. */
  add(key: K, value: V): void;
  delete(key: K): void;
  [Symbol.iterator](): Iterator<[K, V]>;
}

/**
 * An empty map. A `Map` leaves what was deleted in place until it is full, so a key that comes and goes beside many that stay,
 * as an array of a pool does, is found in time that grows with their number. The young have a map of their own, which is soon
 * thrown away.
 */
export function generations<K, V>(): Generations<K, V> {
  const old = new Map<K, V>();
  let young = new Map<K, V>();
  let added = 0;
  return {
    get: (key) => young.get(key) ?? old.get(key),
    add(key, value) {
      if (added++ === YOUNG) {
        for (const [survivor, itsValue] of young) old.set(survivor, itsValue);
        young = new Map<K, V>();
        added = 1;
      }
      young.set(key, value);
    },
    delete(key) {
      if (!young.delete(key)) old.delete(key);
    },
    *[Symbol.iterator]() {
      yield* [...old];
      yield* [...young];
    },
  };
}
