import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { chooseBackend, firstThatRuns } from './backend.ts';
import type { BackendCandidate, BackendName } from './backend-candidate.ts';
import { candidates, native } from './backends.ts';
import { candidates as inBrowsers } from './backends.browser.ts';
import { restoreRemovedUtilities } from './removed-utilities.ts';

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
    expect(await firstThatRuns([...inBrowsers.values()])).toEqual({
      backend: 'wasm',
      tried: [{ name: 'tfjs-backend-wasm', outcome: 'running' }],
    });
    tf.removeBackend('wasm');
    const without = await firstThatRuns([...inBrowsers.values()]);
    tf.registerBackend('wasm', wasm);
    expect(without).toEqual({
      backend: 'cpu',
      tried: [
        { name: 'tfjs-backend-wasm', outcome: "not imported (import '@tensorflow/tfjs-backend-wasm')" },
        // It registers itself in browsers only.
        { name: 'tfjs-backend-webgl', outcome: "not imported (import '@tensorflow/tfjs-backend-webgl')" },
        { name: 'tfjs-backend-cpu', outcome: 'running' },
      ],
    });
  });
});

describe('the backends to choose from', () => {
  it('are tried in the order that is asked for', async () => {
    const { backend, tried } = await chooseBackend(['cpu', 'wasm']);
    expect(backend).toBe('cpu');
    expect(tried).toEqual([{ name: 'tfjs-backend-cpu', outcome: 'running' }]);
  });

  it('are in browsers those that run there, webgl before plain JavaScript', () => {
    expect([...inBrowsers.keys()]).toEqual(['wasm', 'webgl', 'cpu']);
    expect([...candidates.keys()]).toEqual(['tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu']);
  });

  it('are known by name', async () => {
    await expect(chooseBackend(['gpu' as BackendName])).rejects.toThrow(
      /no backend 'gpu'.*tfjs-node-gpu, tfjs-node, wasm, cpu/,
    );
  });

  it('are not taken where they compute in 16 bits, as some telephones do', async () => {
    tf.registerBackend(
      'half',
      () =>
        Object.assign(Object.create(tf.findBackend('cpu')) as tf.KernelBackend, { floatPrecision: () => 16 }),
      1,
    );
    const { backend, tried } = await firstThatRuns([registered('half'), registered('cpu')]);
    tf.removeBackend('half');
    expect(backend).toBe('cpu');
    expect(tried[0]).toEqual({ name: 'half', outcome: 'it computes in 16 bits here' });
  });
});

describe('tfjs-node', () => {
  it('finds what Node 23 removed when it is loaded', async () => {
    const util = process.getBuiltinModule('node:util') as unknown as Record<string, unknown>;
    const own = util['isNullOrUndefined'];
    delete util['isNullOrUndefined'];
    try {
      const asked: string[] = [];
      const load = (specifier: string): Promise<unknown> => {
        asked.push(specifier);
        const isNullOrUndefined = util['isNullOrUndefined'] as (x: unknown) => boolean;
        expect([null, undefined, 0, ''].map(isNullOrUndefined)).toEqual([true, true, false, false]);
        return Promise.resolve({});
      };
      expect(await native('tfjs-node', load).load()).toBe('tensorflow');
      expect(asked).toEqual(['@tensorflow/tfjs-node']);
    } finally {
      util['isNullOrUndefined'] = own;
    }
  });

  it('gets no other functions where Node has them', () => {
    const isArray = (): boolean => false;
    const util: Record<string, unknown> = { isArray };
    restoreRemovedUtilities(util);
    expect(util['isArray']).toBe(isArray);
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
