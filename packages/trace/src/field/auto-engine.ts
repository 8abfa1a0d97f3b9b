import { checkOptions, EngineError, valueThat, type Plugin, type Registry, type Rule } from '@odegrad/core';
import { tfjsEngine, type FieldEngine, type FieldRequest } from '@odegrad/engine-tfjs';

import { operations } from '../ir/cost.ts';
import { findReads, recordingFor } from '../tracing/found-reads.ts';

/** How engine `auto` chooses. */
export interface AutoOptions {
  /** Floating-point operations of f from which on `onnx` is taken before `wasm`, where both are there; by default 250 000. */
  readonly largest?: number;
  /** Told once of each f which engine was taken for it, and why. */
  readonly onChoice?: (choice: AutoChoice) => void;
}

/** An engine's name, and why it was taken. */
export interface AutoChoice {
  readonly engine: string;
  readonly reason: string;
}

/** Between where the wider vectors of native code begin to pay on older engines of JavaScript and on newer ones. */
const LARGEST = 250_000;

const RULES: Readonly<Record<keyof AutoOptions, Rule>> = {
  largest: valueThat('0 or more', (x) => typeof x === 'number' && x >= 0),
  onChoice: valueThat('a function', (x) => typeof x === 'function'),
};

/**
 * An engine named `auto`: that one of `registry` which suits the size of f. Small ones go to `wasm`, large ones to `onnx`; where one is
 * missing the other takes all, then `replay`; and what cannot be recorded goes to `tfjs`. An f stays with what it was given to.
 *
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export function autoEngine(registry: Registry, options: AutoOptions = {}): FieldEngine<unknown> {
  checkOptions('auto', options, RULES);
  const { largest = LARGEST, onChoice } = options;
  const chosen = { float32: new WeakMap<object, AutoChoice>(), float64: new WeakMap<object, AutoChoice>() };
  const choiceFor = (request: FieldRequest): AutoChoice => {
    const known = chosen[request.dtype].get(request.key);
    if (known) return known;
    const choice = choose(request, (name) => registry.has('engine', name), largest);
    chosen[request.dtype].set(request.key, choice);
    onChoice?.(choice);
    return choice;
  };
  return {
    name: 'auto',
    findReads,
    prepare(request) {
      const { engine: name } = choiceFor(request);
      const engine = registry.has('engine', name) ? registry.get('engine', name) : tfjsEngine;
      return { ...(engine as FieldEngine<unknown>).prepare(request), ranOn: name };
    },
  };
}

function choose(request: FieldRequest, has: (name: string) => boolean, largest: number): AutoChoice {
  let size: number;
  try {
    size = operations(recordingFor(request).program);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { engine: 'tfjs', reason: error.message };
  }
  const isLarge = size > largest;
  const order = [...(isLarge ? ['onnx', 'wasm'] : ['wasm', 'onnx']), 'replay'];
  const engine = order.find((name) => has(name) && (name !== 'replay' || request.dtype === 'float32'));
  const reason = `f takes ${size} operations, which is ${isLarge ? 'more' : 'not more'} than ${largest}`;
  return engine
    ? { engine, reason }
    : { engine: 'tfjs', reason: 'no engine that records functions is registered' };
}

/**
 * Adds engine `auto`, which chooses among the engines that `registry` has when it first meets an f.
 *
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export const auto = (registry: Registry, options?: AutoOptions): Plugin => ({
  name: '@odegrad/trace',
  engines: [autoEngine(registry, options)],
});
