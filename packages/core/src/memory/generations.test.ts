import fc from 'fast-check';
import { expect, it } from 'vitest';
import { generations } from './generations.ts';

it('is a map, whatever comes and goes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ key: fc.nat(40), remove: fc.boolean(), others: fc.nat(900) }), { maxLength: 40 }),
      (acts) => {
        const [map, found] = [new Map<number, number>(), generations<number, number>()];
        acts.forEach(({ key, remove, others }, i) => {
          if (remove || map.has(key)) {
            map.delete(key);
            found.delete(key);
          } else {
            map.set(key, i);
            found.add(key, i);
          }
          // Enough of them make the others old.
          for (let n = 100; n < 100 + others; n++) {
            found.add(n, n);
            found.delete(n);
          }
          for (let k = 0; k <= 40; k++) expect(found.get(k)).toBe(map.get(k));
        });
        expect(new Map([...found])).toEqual(map);
      },
    ),
    { numRuns: 50 },
  );
});

it('may be emptied while it is walked through', () => {
  const found = generations<number, string>();
  for (let n = 0; n < 3000; n++) found.add(n, String(n));
  let seen = 0;
  for (const [key] of found) {
    found.delete(key);
    seen += 1;
  }
  expect(seen).toBe(3000);
  expect([...found]).toEqual([]);
});
