import * as tf from '@tensorflow/tfjs';
import type { GradientStrategy, Solver } from '@odegrad/core';
import { tfjsEngine } from '@odegrad/engine-tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../registry.ts';
import { compareStrategies, type Comparison } from './compare.ts';
import { denseChain } from './dense-chain.ts';

const EXACT = ['backprop', 'recompute', 'checkpoint', 'stages', 'symplectic'] as const;
type Name = (typeof EXACT)[number] | 'adjoint';

interface Sizes {
  readonly tableau: string;
  readonly steps: number;
  readonly layers: number;
  readonly components: number;
}

const width = 4;
const batch = 6;
const stateBytes = width * batch * Float32Array.BYTES_PER_ELEMENT;
const solverOf = (name: string): Solver => registry.get('solver', name);
const strategyOf = (name: string): GradientStrategy => registry.get('gradient', name);

function compare({ tableau, steps, layers, components }: Sizes): Record<Name, Comparison> {
  const open = denseChain(tfjsEngine, { layers, width, batch, components, seed: 3, dtype: 'float32' });
  try {
    const rows = compareStrategies(
      open.chain,
      { solver: solverOf(tableau), stepping: { numSteps: steps } },
      strategyOf('backprop'),
      [...EXACT, 'adjoint'].map(strategyOf),
      (x) => open.read(x),
      // Times are not looked at.
      [1, 1],
    );
    return Object.fromEntries(rows.map((row) => [row.strategy, row])) as Record<Name, Comparison>;
  } finally {
    open.dispose();
  }
}

/** Sizes that vary one at a time around the first. */
const SIZES: readonly Sizes[] = [
  { tableau: 'rk4', steps: 4, layers: 2, components: 1 },
  { tableau: 'rk4', steps: 8, layers: 2, components: 1 },
  { tableau: 'rk4', steps: 4, layers: 5, components: 1 },
  { tableau: 'rk4', steps: 4, layers: 2, components: 3 },
  { tableau: 'euler', steps: 4, layers: 2, components: 1 },
  { tableau: 'dopri5', steps: 4, layers: 2, components: 1 },
  { tableau: 'dopri8', steps: 3, layers: 3, components: 2 },
];

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

describe.each(SIZES)('$tableau, $steps steps, $layers layers, $components components', (sizes) => {
  const { steps: N, layers: L, components: M, tableau } = sizes;
  const s = solverOf(tableau).stages;
  // A dense layer keeps its product and its tanh.
  const oneEvaluation = 2 * L * stateBytes;
  let compared: Record<Name, Comparison> | undefined;
  const rows = (): Record<Name, Comparison> => (compared ??= compare(sizes));

  it('takes the memory that the table promises', () => {
    const before = tf.memory().numTensors;
    const found = rows();
    expect(tf.memory().numTensors).toBe(before);
    const activations = (name: Name): number => found[name].activationBytesPeak / oneEvaluation;
    expect(Object.fromEntries(Object.keys(found).map((name) => [name, activations(name as Name)]))).toEqual({
      symplectic: 1,
      stages: 1,
      checkpoint: s,
      recompute: N * s,
      backprop: N * s * M,
      adjoint: 1,
    });
    const kept = (name: Name): number => found[name].keptStateBytes / stateBytes;
    expect([kept('checkpoint'), kept('symplectic')]).toEqual([M * N, M * N]);
    expect([kept('recompute'), kept('adjoint')]).toEqual([M, M]);
    expect(kept('stages')).toBeLessThanOrEqual(M * N * s);
  });

  it('evaluates and pulls back as often as the table promises', () => {
    const found = rows();
    const counts = (name: Name): number[] => {
      const { evaluationsForward, evaluationsBackward, pullbacks } = found[name];
      return [evaluationsForward, evaluationsBackward, pullbacks];
    };
    const all = s * N * M;
    expect(counts('backprop')).toEqual([all, 0, all]);
    expect(counts('recompute')).toEqual([all, all, all]);
    expect(counts('checkpoint')).toEqual([all, all, all]);
    expect(counts('stages')).toEqual([all, all, all]);
    expect(counts('symplectic')).toEqual([all, (2 * s - 1) * N * M, all]);
  });
});

// All with ODEGRAD_ALL: testkit tries them in doubles.
const tableaux = process.env['ODEGRAD_ALL']
  ? registry.names('tableau')
  : ['euler', 'rk4', 'dopri5', 'dopri8'];
it.each(tableaux)('%s: the exact strategies give one gradient', (tableau) => {
  const found = compare({ tableau, steps: 5, layers: 2, components: 2 });
  for (const name of EXACT) expect(found[name].gradientError, name).toBeLessThanOrEqual(2e-6);
  expect(found.adjoint.exact).toBe(false);
});
