import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { chooseBackend, firstThatRuns } from './backend.ts';
import type { BackendCandidate } from './backend-candidate.ts';
import { candidates as inBrowsers } from './backends.browser.ts';

const failing = (name: string, error: Error): BackendCandidate => ({
  name,
  load: () => Promise.reject(error),
});
const registered = (name: string): BackendCandidate => ({ name, load: () => Promise.resolve(name) });

describe('chooseBackend', () => {
  it('takes wasm where the native packages are not installed, and says so', async () => {
    const { backend, tried } = await chooseBackend();
    expect(tried.map(({ name }) => name)).toEqual(['tfjs-node-gpu', 'tfjs-node', 'tfjs-backend-wasm']);
    expect(tried.map(({ outcome }) => outcome)).toEqual(['not installed', 'not installed', 'running']);
    expect(backend).toBe('wasm');
    expect(tf.getBackend()).toBe('wasm');
    // It brought the gradients along, although only tfjs-core was imported here.
    expect(
      tf
        .grad((x: tf.Tensor) => tf.square(x))(tf.scalar(3))
        .dataSync()[0],
    ).toBe(6);
  });

  it('may be called again', async () => {
    const { backend } = await chooseBackend();
    expect(backend).toBe('wasm');
  });
});

describe('in a browser', () => {
  it('takes what the page has imported, and imports nothing', async () => {
    const wasm = tf.findBackendFactory('wasm');
    expect(await firstThatRuns(inBrowsers)).toEqual({
      backend: 'wasm',
      tried: [{ name: 'tfjs-backend-wasm', outcome: 'running' }],
    });
    tf.removeBackend('wasm');
    const without = await firstThatRuns(inBrowsers);
    tf.registerBackend('wasm', wasm);
    expect(without).toEqual({
      backend: 'cpu',
      tried: [
        { name: 'tfjs-backend-wasm', outcome: "not imported (import '@tensorflow/tfjs-backend-wasm')" },
        { name: 'tfjs-backend-cpu', outcome: 'running' },
      ],
    });
  });
});

describe('firstThatRuns', () => {
  const notFound = Object.assign(new Error("Cannot find package 'a' imported from b"), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
  const noBinary = new Error(
    'The Node.js native addon module (tfjs_binding.node) can not be found at path: /x\nPlease run npm rebuild',
  );

  it('passes over what is not installed, has no binary, does not start or breaks, and leaves nothing', async () => {
    tf.registerBackend('broken-at-birth', () => {
      throw new Error('no adapter');
    });
    const before = tf.memory().numTensors;
    const { backend, tried } = await firstThatRuns([
      failing('a', notFound),
      failing('b', notFound),
      failing('c', noBinary),
      failing('d', new Error('no driver')),
      registered('nowhere'),
      registered('broken-at-birth'),
      registered('cpu'),
      registered('wasm'),
    ]);
    tf.removeBackend('broken-at-birth');
    expect(backend).toBe('cpu');
    expect(tf.getBackend()).toBe('cpu');
    expect(tried).toEqual([
      { name: 'a', outcome: 'not installed' },
      // Something is missing, but not the package itself.
      { name: 'b', outcome: "Cannot find package 'a' imported from b" },
      {
        name: 'c',
        outcome:
          'installed without its native part (The Node.js native addon module (tfjs_binding.node) can not be found at path: /x)',
      },
      { name: 'd', outcome: 'no driver' },
      { name: 'nowhere', outcome: "Backend name 'nowhere' not found in registry" },
      { name: 'broken-at-birth', outcome: 'TensorFlow.js could not start it' },
      { name: 'cpu', outcome: 'running' },
    ]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what it tried when nothing runs', async () => {
    await expect(firstThatRuns([failing('a', notFound), failing('c', noBinary)])).rejects.toThrow(
      /a: not installed; c: installed without.*Install @tensorflow\/tfjs/,
    );
  });
});
