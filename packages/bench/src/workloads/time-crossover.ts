import type { Registry } from '@odegrad/core';
import type { PreparedField } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import { median } from 'simple-statistics';
import { openEngine } from '../engines.ts';
import { byTurns, timed } from '../measure.ts';
import { callsOf } from './time-calls.ts';

/** A dense network with one hidden layer, on so many rows. */
export interface NetworkSize {
  readonly rows: number;
  readonly inputs: number;
  readonly hidden: number;
}

/** What one value and vector–Jacobian product of a network costs on two engines, by turns. */
export interface Crossover extends NetworkSize {
  readonly dtype: string;
  /** Floating-point operations of one evaluation of the network, in millions: products and sums of its layers. */
  readonly mflop: number;
  readonly engines: readonly [EngineCost, EngineCost];
  /** The second engine's time over the first one's, turn by turn: the median. */
  readonly ratio: number;
}

/** What a network costs on one engine. */
interface EngineCost {
  readonly engine: string;
  readonly us: number;
  /** From the network to its first value and product: recording, compiling, loading. */
  readonly firstMs: number;
  /** Bytes of the WebAssembly modules that were made on the way; those of a runtime's own are loaded before. */
  readonly moduleBytes: number;
}

/** Times a network on both engines, for so many turns. */
export async function timeCrossover(
  size: NetworkSize,
  names: readonly [string, string],
  dtype: 'float32' | 'float64',
  turns: number,
  registry: Registry,
): Promise<Crossover> {
  const { rows, inputs, hidden } = size;
  const draw = (from: number, to: number, seed: number): tf.Variable<tf.Rank.R2> =>
    variableOf(tf.randomNormal([from, to], 0, 1 / Math.sqrt(from), 'float32', seed));
  const [w1, b1, w2] = [draw(inputs, hidden, 1), variableOf(tf.zeros([hidden])), draw(hidden, inputs, 2)];
  const variables = [w1, b1, w2];
  const f = (_t: tf.Scalar, [y]: readonly tf.Tensor[]): tf.Tensor[] => [
    tf.matMul(tf.tanh(tf.add(tf.matMul(y as tf.Tensor2D, w1 as tf.Tensor2D), b1)), w2),
  ];
  const y0 = tf.randomNormal([rows, inputs], 0, 1, 'float32', 3);
  const opened: {
    readonly engine: string;
    readonly first: Omit<EngineCost, 'engine' | 'us'>;
    call(): void;
    close(): void;
  }[] = [];
  try {
    for (const name of names) {
      const { engine } = await openEngine(name, registry);
      let prepared!: PreparedField<unknown>;
      let calls!: ReturnType<typeof callsOf<unknown>>;
      let state!: unknown;
      let firstMs = 0;
      const moduleBytes = countingModules(() => {
        firstMs = timed(() => {
          prepared = engine.prepare({ f, key: f, t0: 0, y0: [y0], parameters: variables, dtype });
          state = prepared.fromTensor(y0);
          calls = callsOf(prepared.field, [state]);
          calls.vjp();
        });
      });
      opened.push({
        engine: name,
        first: { firstMs, moduleBytes },
        call: calls.vjp,
        close() {
          calls.close();
          prepared.field.engine.release(state);
        },
      });
    }
    const times = byTurns(() => opened.map(({ call }) => timed(call)), { runs: turns, warmup: 5, ms: 100 });
    const costs = opened.map(({ engine, first }, i): EngineCost => ({
      engine,
      us: 1000 * median(times.map((turn) => turn[i]!)),
      ...first,
    }));
    return {
      ...size,
      dtype,
      mflop: (rows * hidden * (4 * inputs + 1)) / 1e6,
      engines: costs as [EngineCost, EngineCost],
      ratio: median(times.map(([one, other]) => other! / one!)),
    };
  } finally {
    for (const { close } of opened) close();
    tf.dispose([y0, ...variables]);
  }
}

/** A variable of drawn numbers, and nothing else that lives on. */
function variableOf<R extends tf.Rank>(drawn: tf.Tensor<R>): tf.Variable<R> {
  const variable = tf.variable(drawn);
  drawn.dispose();
  return variable;
}

/** Bytes of the modules that are compiled while `work` runs. */
function countingModules(work: () => void): number {
  const { Module } = WebAssembly;
  let bytes = 0;
  WebAssembly.Module = new Proxy(Module, {
    construct(target, [source]: [ArrayBufferView | ArrayBuffer]) {
      bytes += source.byteLength;
      return new target(source as BufferSource);
    },
  });
  try {
    work();
  } finally {
    WebAssembly.Module = Module;
  }
  return bytes;
}
