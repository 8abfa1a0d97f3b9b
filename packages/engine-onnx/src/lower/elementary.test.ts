import { describe, expect, test } from 'vitest';

import { createPool } from '@odegrad/trace';
import { arrayOf } from '@odegrad/trace';
import { compileGraph } from '../runtime/compile.ts';
import { acos, acosh, asin, asinh, atan, atanh, cosh, erf, expm1, log1p, sinh, tan } from './elementary.ts';
import { createGraph, type Edge, type Graph } from './graph.ts';

function apply(formula: (graph: Graph, x: Edge) => Edge, xs: readonly number[]): ArrayLike<number> {
  const pool = createPool();
  const graph = createGraph('float64');
  graph.output('y', formula(graph, graph.input('x', [xs.length])));
  const model = compileGraph(graph, 0, { float: 'float64', pool, providers: ['cpu'], threads: 1, cores: 1 });
  model.feeds['x'] = arrayOf(pool, 'float64', xs, [xs.length]);
  const { data } = model.run()['y']!;
  model.release();
  return data as Float64Array;
}

const wide = [
  -30, -5, -2.2, -1, -0.7, -0.5, -0.1, -1e-3, -1e-9, 1e-12, 1e-5, 0.02, 0.3, 0.5, 0.99, 1, 1.01, 3, 8, 40,
];
const unit = wide.filter((x) => Math.abs(x) <= 1);

describe('elementary functions composed in float64', () => {
  test.each<[string, (graph: Graph, x: Edge) => Edge, (x: number) => number, readonly number[]]>([
    ['log1p', log1p, Math.log1p, [...wide.filter((x) => x > -1), 1e300]],
    ['expm1', expm1, Math.expm1, [...wide, -800]],
    ['cosh', cosh, Math.cosh, wide],
    ['sinh', sinh, Math.sinh, wide],
    ['tan', tan, Math.tan, wide],
    ['atan', atan, Math.atan, [...wide, 1e200, -1e200]],
    ['asin', asin, Math.asin, unit],
    ['acos', acos, Math.acos, unit],
    ['asinh', asinh, Math.asinh, wide],
    ['acosh', acosh, Math.acosh, wide.filter((x) => x >= 1)],
    ['atanh', atanh, Math.atanh, unit.filter((x) => Math.abs(x) < 1)],
  ])('%s has full relative precision', (_, formula, exact, xs) => {
    const found = apply(formula, xs);
    for (const [i, x] of xs.entries()) {
      expect(Math.abs(found[i]! - exact(x)), `at ${x}: ${found[i]}, not ${exact(x)}`).toBeLessThanOrEqual(
        4e-15 * Math.abs(exact(x)),
      );
    }
  });

  test('erf agrees with its table (Abramowitz & Stegun 7.1, and mpmath)', () => {
    const table: readonly (readonly [number, number])[] = [
      [0, 0],
      [1e-8, 1.1283791670955126e-8],
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [1.5, 0.9661051464753108],
      [2, 0.9953222650189527],
      [3, 0.9999779095030014],
      [6, 1],
      [30, 1],
    ];
    const xs = table.flatMap(([x]) => [x, -x]);
    const found = apply(erf, xs);
    for (const [i, x] of xs.entries()) {
      const exact = Math.sign(x) * table[Math.floor(i / 2)]![1];
      expect(Math.abs(found[i]! - exact), `at ${x}: ${found[i]}`).toBeLessThanOrEqual(
        4e-16 + 4e-16 * Math.abs(exact),
      );
    }
  });
});
