import { closest, distance } from 'fastest-levenshtein';

/** " Did you mean 'x'?" where one of `known` is close to `name`, else the empty string. */
export function suggest(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const nearest = closest(name.toLowerCase(), [...known]);
  return distance(name.toLowerCase(), nearest) <= Math.max(2, Math.floor(name.length / 3))
    ? ` Did you mean '${nearest}'?`
    : '';
}
