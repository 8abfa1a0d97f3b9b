import { describe, expect, test } from 'vitest';

import { arrayOf } from '@odegrad/trace';
import { createPool } from '@odegrad/trace';
import { type Runtime } from '../runtime/runtime.ts';
import { type FloatData } from '@odegrad/trace';
import { createBuilder } from '@odegrad/trace';
import type { Program } from '@odegrad/trace';
import { compileScan, type Roles } from './scan.ts';

const runtime: Runtime = { float: 'float64', pool: createPool(), providers: ['cpu'], threads: 1, cores: 1 };
const roles: Roles = {
  carriedTo: (input) => (input === 'x' ? 'next' : undefined),
  isScanned: (input) => input === 'row',
  counter: 'row',
  isSummed: (output) => output === 'total',
  isCollected: (output) => output === 'next',
};

/** next = x · fixed + row, total = x · x. */
function recurrence(withRow: boolean): Program {
  const b = createBuilder();
  const [x, fixed] = [b.input('x', [2]), b.input('fixed', [2])];
  const product = b.call('Multiply', { a: x, b: fixed }, [2]);
  const next = withRow ? b.call('Add', { a: product, b: b.input('row', [2]) }, [2]) : product;
  return b.finish([
    { name: 'next', value: next },
    { name: 'total', value: b.call('Multiply', { a: x, b: x }, [2]) },
  ]);
}

const numbers = ({ data }: { data: unknown }): number[] => Array.from(data as FloatData);

describe('rounds of a program', () => {
  test('carry, scan, add up and collect, as many as are asked for', () => {
    const model = compileScan(recurrence(true), roles, runtime);
    expect([...model.inputs].sort()).toEqual(['all:row', 'first:x', 'fixed']);
    for (const rounds of [2, 5, 3]) {
      model.feeds['first:x'] = arrayOf(runtime.pool, 'float64', [1, 2], [2]);
      model.feeds['fixed'] = arrayOf(runtime.pool, 'float64', [0.5, -2], [2]);
      const rows = model.rows('row', rounds)!;
      for (let i = 0; i < 2 * rounds; i++) rows[i] = i;
      const { last, all } = model.run(rounds);
      let x = [1, 2];
      const total = [0, 0];
      const states = Array.from({ length: rounds }, (_, i) => {
        x.forEach((entry, k) => (total[k]! += entry * entry));
        return (x = [x[0]! * 0.5 + 2 * i, x[1]! * -2 + 2 * i + 1]);
      });
      expect(all['next']!.map(numbers)).toEqual(states);
      expect(numbers(last['total']!)).toEqual(total);
      expect(last['next']).toBeUndefined();
    }
    model.release();
  });

  test('are counted also where no input has rows', () => {
    const model = compileScan(recurrence(false), roles, runtime);
    model.feeds['first:x'] = arrayOf(runtime.pool, 'float64', [1, 1], [2]);
    model.feeds['fixed'] = arrayOf(runtime.pool, 'float64', [2, 3], [2]);
    model.rows('row', 4);
    expect(model.run(4).all['next']!.map(numbers)).toEqual([
      [2, 3],
      [4, 9],
      [8, 27],
      [16, 81],
    ]);
    model.release();
  });

  test('leave what they gave alone in later calls', () => {
    const model = compileScan(recurrence(true), roles, runtime);
    model.feeds['fixed'] = arrayOf(runtime.pool, 'float64', [1, 1], [2]);
    const once = (start: number): readonly number[] => {
      model.feeds['first:x'] = arrayOf(runtime.pool, 'float64', [start, start], [2]);
      model.rows('row', 2)!.fill(1);
      results.push(model.run(2).all['next']![1]!);
      return numbers(results.at(-1)!);
    };
    const results: { data: unknown }[] = [];
    const first = once(1);
    once(5);
    expect(numbers(results[0]!)).toEqual(first);
    expect(first).toEqual([3, 3]);
    model.release();
  });
});
