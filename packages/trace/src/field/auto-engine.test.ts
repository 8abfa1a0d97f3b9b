import { createRegistry, type Registry } from '@odegrad/core';
import { solve, tfjsEngine, type FieldEngine } from '@odegrad/engine-tfjs';
import backprop from '@odegrad/grad-backprop';
import tableaux from '@odegrad/tableaux';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { autoEngine, type AutoChoice, type AutoOptions } from './auto-engine.ts';

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

/** Engines of these names, all of which compute as TensorFlow.js does. */
function registryOf(...names: readonly string[]): Registry {
  const engines = names.map((name): FieldEngine<unknown> => ({
    ...(tfjsEngine as FieldEngine<unknown>),
    name,
  }));
  return createRegistry().use(tableaux).use(backprop).use({ name: 'engines', engines });
}

const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);

/** What runs a function of so many entries. */
function ran(registry: Registry, options: AutoOptions = {}, entries = 10, g = f): string {
  const engine = autoEngine(registry, options);
  const solution = solve(g, tf.ones([1, entries]), [0, 1], {
    engine,
    registry,
    numSteps: 1,
    gradient: 'backprop',
  });
  const { engine: name } = solution;
  tf.dispose(solution.ys);
  solution.dispose();
  return name;
}

describe("engine 'auto'", () => {
  it('takes wasm for small functions and onnx for large ones', () => {
    const registry = registryOf('onnx', 'wasm', 'replay');
    expect(ran(registry, { largest: 10 }, 10)).toBe('wasm');
    expect(ran(registry, { largest: 10 }, 11)).toBe('onnx');
  });

  it('takes what there is', () => {
    for (const [names, small, large] of [
      [['wasm', 'replay'], 'wasm', 'wasm'],
      [['onnx', 'replay'], 'onnx', 'onnx'],
      [['replay'], 'replay', 'replay'],
      [[], 'tfjs', 'tfjs'],
    ] as const) {
      const registry = registryOf(...names);
      expect([ran(registry), ran(registry, { largest: 0 })]).toEqual([small, large]);
    }
  });

  it('takes tfjs for what cannot be recorded, and says why', () => {
    const choices: AutoChoice[] = [];
    const reading = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(y, y.dataSync()[0]! > 0 ? -1 : 1);
    const registry = registryOf('onnx', 'wasm', 'replay');
    expect(ran(registry, { onChoice: (choice) => choices.push(choice) }, 10, reading)).toBe('tfjs');
    expect(choices).toEqual([{ engine: 'tfjs', reason: expect.stringContaining('f') as string }]);
  });

  it('stays with its choice, and tells it once', () => {
    const choices: string[] = [];
    const registry = registryOf('onnx', 'wasm');
    const engine = autoEngine(registry, { largest: 10, onChoice: (choice) => choices.push(choice.engine) });
    for (const entries of [5, 50, 5]) {
      const solution = solve(f, tf.ones([1, entries]), [0, 1], {
        engine,
        registry,
        numSteps: 1,
        gradient: 'backprop',
      });
      expect(solution.engine).toBe('wasm');
      tf.dispose(solution.ys);
      solution.dispose();
    }
    expect(choices).toEqual(['wasm']);
  });

  it('refuses options that make no sense', () => {
    expect(() => autoEngine(registryOf(), { largest: -1 })).toThrow(/largest.*must be 0 or more/);
    expect(() => autoEngine(registryOf(), { smallest: 1 } as AutoOptions)).toThrow(/smallest/);
  });
});
