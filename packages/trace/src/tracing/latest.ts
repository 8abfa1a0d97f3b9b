/** A map of those entries that were asked for last. */
export interface Latest<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): void;
}

/** An empty map for so many entries; each that gives way to another is told. */
export function latest<K, V>(size: number, evicted: (value: V) => void): Latest<K, V> {
  // A map lists its keys in the order in which they were set.
  const entries = new Map<K, V>();
  const use = (key: K, value: V): void => {
    entries.delete(key);
    entries.set(key, value);
  };
  return {
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) use(key, value);
      return value;
    },
    set(key, value) {
      use(key, value);
      for (const [oldest, gone] of entries) {
        if (entries.size <= size) return;
        entries.delete(oldest);
        evicted(gone);
      }
    },
  };
}
