import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { minimumCut, type Network } from './minimum-cut.ts';

/** Whether flow gets from a source to a sink without touching a cut node. */
function leaks({ edges, sources, sinks }: Network, cut: ReadonlySet<number>): boolean {
  const reached = new Set([...sources].filter((node) => !cut.has(node)));
  for (const node of reached)
    for (const [from, to] of edges) if (from === node && !cut.has(to)) reached.add(to);
  return [...sinks].some((node) => reached.has(node));
}

const cost = ({ capacities }: Network, cut: Iterable<number>): number =>
  [...cut].reduce((sum, node) => sum + capacities[node]!, 0);

/** Acyclic networks, their nodes in topological order. */
const network: fc.Arbitrary<Network> = fc
  .array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 })
  .chain((capacities) => {
    const node = fc.nat(capacities.length - 1);
    return fc.record({
      capacities: fc.constant(capacities),
      edges: fc
        .array(fc.tuple(node, node), { maxLength: 20 })
        .map((pairs) =>
          pairs.filter(([a, b]) => a !== b).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
        ),
      sources: fc.uniqueArray(node, { maxLength: 3 }),
      sinks: fc.uniqueArray(node, { maxLength: 3 }),
    });
  });

describe('minimumCut', () => {
  test('lets nothing through, and no other set that does costs less', () => {
    fc.assert(
      fc.property(network, (net) => {
        const cut = minimumCut(net);
        expect(leaks(net, cut)).toBe(false);
        for (let subset = 0; subset < 2 ** net.capacities.length; subset++) {
          const other = new Set(net.capacities.map((_, node) => node).filter((node) => (subset >> node) & 1));
          if (!leaks(net, other)) expect(cost(net, cut)).toBeLessThanOrEqual(cost(net, other));
        }
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  test('of equals it takes the one nearest to the sinks', () => {
    const chain: Network = {
      capacities: [2, 2, 3, 2, 2, 5],
      edges: [0, 1, 2, 3, 4].map((node) => [node, node + 1] as const),
      sources: [0],
      sinks: [5],
    };
    expect([...minimumCut(chain)]).toEqual([4]);
  });

  test('where no flow enters, or none leaves, there is nothing to cut', () => {
    const chain = { capacities: [1, 1], edges: [[0, 1]] as const };
    expect(minimumCut({ ...chain, sources: [], sinks: [1] }).size).toBe(0);
    expect(minimumCut({ ...chain, sources: [0], sinks: [] }).size).toBe(0);
  });
});
