import { createRegistry, EngineError } from '@odegrad/core';
import replay, { replayEngine } from '@odegrad/engine-replay';
import { importsOf } from '@odegrad/testkit';
import { expect, test } from 'vitest';

import * as browser from './index.browser.ts';
import * as main from './index.ts';

const entry = (file: string): URL => new URL(file, import.meta.url);

test('what browsers import is nothing of Node', () => {
  expect(importsOf(entry('./index.browser.ts'))).toEqual(['@odegrad/core']);
  expect(importsOf(entry('./index.ts'))).toContain('node:os');
});

test('the plugin brings the same engine replay as its own package, and both may be used', () => {
  const registry = createRegistry().use(replay);
  expect(registry.get('engine', 'replay')).toBe(replayEngine);
  expect(registry.use(main.onnx()).names('engine')).toEqual(['replay', 'onnx']);
  expect(registry.get('engine', 'replay')).toBe(replayEngine);
});

test('the main entry has the same names in browsers, where engine onnx says what to take', () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(main).sort());
  expect(() => browser.onnx()).toThrow(EngineError);
  expect(() => browser.onnx()).toThrow("'@odegrad/engine-replay'");
});
