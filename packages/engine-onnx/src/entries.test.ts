import { fileURLToPath } from 'node:url';

import { createRegistry, EngineError } from '@odegrad/core';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';

import * as browser from './index.browser.ts';
import * as main from './index.ts';
import replay, { replayEngine } from './replay-plugin.ts';

/** The packages that a file imports, itself or by the files of this package that it imports. */
function importsOf(file: string): string[] {
  const entry = fileURLToPath(new URL(file, import.meta.url));
  const { metafile } = buildSync({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    packages: 'external',
    write: false,
    metafile: true,
  });
  const { imports } = Object.values(metafile.outputs)[0]!;
  return [...new Set(imports.map(({ path }) => path))].sort();
}

const common = ['@odegrad/core', '@odegrad/engine-tfjs', '@tensorflow/tfjs-core'];

test('what browsers import is nothing of Node', () => {
  expect(importsOf('./replay-plugin.ts')).toEqual(common);
  expect(importsOf('./index.browser.ts')).toEqual(common);
  expect(importsOf('./index.ts')).toContain('node:os');
});

test('the entry of replay is a plugin with the same engine, and may be used beside the other', () => {
  const registry = createRegistry().use(replay);
  expect(registry.get('engine', 'replay')).toBe(replayEngine);
  expect(registry.use(main.onnx()).names('engine')).toEqual(['replay', 'onnx']);
  expect(main.replayEngine).toBe(replayEngine);
});

test('the main entry has the same names in browsers, where engine onnx says what to take', () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(main).sort());
  expect(() => browser.onnx()).toThrow(EngineError);
  expect(() => browser.onnx()).toThrow("'@odegrad/engine-onnx/replay'");
});
