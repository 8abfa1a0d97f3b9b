import { createRequire } from 'node:module';

import { EngineError } from '@odegrad/core';
import { describe, expect, test } from 'vitest';

import { createGraph } from '../lower/index.ts';
import { zip } from '../lower/context.ts';
import { encodeModel } from './model.ts';
import { createSession, onnxRuntime, type BoundTensor } from './session.ts';

const require = createRequire(import.meta.url);
const tensor = (data: Float32Array, dims: readonly number[]): BoundTensor => ({
  type: 'float32',
  dims,
  location: 'cpu',
  data,
});

function addModel(): Uint8Array {
  const graph = createGraph('float32');
  const [x, y] = [graph.input('x', [2, 2]), graph.input('y', [2, 2])];
  graph.output('z', zip(graph, 'Add', x, y));
  return encodeModel(graph);
}

describe('ONNX Runtime under its public interface', () => {
  test('is the version whose binding is known here', () => {
    expect((require('onnxruntime-node/package.json') as { version: string }).version).toBe('1.30.0');
    expect(
      onnxRuntime()
        .listSupportedBackends()
        .map(({ name }) => name),
    ).toContain('cpu');
  });

  test('runs synchronously, reads plain objects, and fills the arrays that it is given', () => {
    const session = createSession(addModel(), { providers: ['cpu'], threads: 1 });
    const z = tensor(new Float32Array(4), [2, 2]);
    const x = tensor(Float32Array.of(1, 2, 3, 4), [2, 2]);
    session.run({ x, y: tensor(Float32Array.of(10, 20, 30, 40), [2, 2]) }, { z });
    expect([...z.data]).toEqual([11, 22, 33, 44]);
    // No copy was kept of what went in.
    x.data[0] = 5;
    session.run({ x, y: x }, { z });
    expect([...z.data]).toEqual([10, 4, 6, 8]);
    session.release();
  });

  test('copies no output of a model with an unreadable one, fills all, and passes errors on', () => {
    const size = 2 ** 20;
    const graph = createGraph('float32');
    const x = graph.input('x', [size]);
    for (const name of ['y', 'z']) graph.output(name, zip(graph, 'Add', x, x));
    const taken = (withUnreadable: boolean): number => {
      const session = createSession(encodeModel(graph, withUnreadable), { providers: ['cpu'], threads: 1 });
      const ones = tensor(new Float32Array(size).fill(1), [size]);
      const [y, z] = [tensor(new Float32Array(size), [size]), tensor(new Float32Array(size), [size])];
      const [before, limit] = [process.memoryUsage().arrayBuffers, Error.stackTraceLimit];
      session.run({ x: ones }, { y, z });
      const bytes = process.memoryUsage().arrayBuffers - before;
      for (const { data } of [y, z]) expect(data.every((value) => value === 2)).toBe(true);
      expect(() => {
        session.run({ x: tensor(new Float32Array(2), [2]) }, { y, z });
      }).toThrow(/dimensions/);
      expect(Error.stackTraceLimit).toBe(limit);
      session.release();
      return bytes;
    };
    expect(taken(false)).toBeGreaterThanOrEqual(8 * size);
    expect(taken(true)).toBeLessThan(size);
  });

  test('says why a model is refused', () => {
    const graph = createGraph('float64');
    const x = graph.input('x', [2]);
    graph.output('z', graph.node('Softplus', [x], [2]));
    expect(() => createSession(encodeModel(graph), { providers: ['cpu'], threads: 1 })).toThrow(EngineError);
  });

  test('says how to get a provider that is missing', () => {
    const make = (): unknown => createSession(addModel(), { providers: ['cuda', 'cpu'], threads: 1 });
    expect(make).toThrow(EngineError);
    expect(make).toThrow(/Provider cuda is not available.*cuDNN/s);
  });
});
