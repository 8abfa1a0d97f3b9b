import * as tf from '@tensorflow/tfjs';
import { createLedger } from '@odegrad/core';
import type { FlatField } from '@odegrad/engine-tfjs';
import { binomial } from '@odegrad/grad-checkpoint';
import { openEngine } from '../engines.ts';
import { registry } from '../registry.ts';

/** A gradient over so many steps of a state of two numbers. */
export interface KeptStepsTask {
  readonly kind: 'steps';
  readonly strategy: string;
  readonly steps: number;
  readonly engine: string;
}

/** What a step takes, on average. */
export interface KeptSteps {
  /** Bytes of the process, on JavaScript's heap and beside it, that the forward pass leaves behind for a step. */
  readonly keptBytes: number;
  /** Bytes of states that the ledger says are kept of a step, and of activations. */
  readonly stateBytes: number;
  readonly activationBytes: number;
  readonly forwardUs: number;
  readonly backwardUs: number;
}

/** States that `binomial` holds. */
const CHECKPOINTS = 20;
const WARM_UP = 500;

const collectGarbage = (globalThis as { gc?: () => void }).gc ?? (() => undefined);

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Takes the steps, in this process. */
export async function measureKeptSteps({ strategy, steps, engine }: KeptStepsTask): Promise<KeptSteps> {
  const choice = await openEngine(engine, registry);
  const w = tf.variable(tf.tensor2d([0, -1, 1, 0], [2, 2]));
  const start = tf.tensor2d([1, 0.5], [1, 2]);
  const f: FlatField = (_t, [y]) => [tf.tanh(tf.matMul(y as tf.Tensor2D, w as unknown as tf.Tensor2D))];
  const request = { f, key: f, t0: 0, y0: [start], parameters: [w], dtype: 'float32' } as const;
  const { field, fromTensor } = choice.engine.prepare(request);
  const y0 = [fromTensor(start)];
  const solver = registry.get('solver', 'rk4');
  const gradient =
    strategy === 'binomial' ? binomial({ checkpoints: CHECKPOINTS }) : registry.get('gradient', strategy);
  const take = (numSteps: number): KeptSteps => {
    const ledger = createLedger();
    const before = usedBytes();
    const begin = performance.now();
    const solution = gradient.solve(
      { field, y0, ts: [0, 1] },
      { solver, stepping: { numSteps }, maxSteps: numSteps, ledger },
    );
    const forwardMs = performance.now() - begin;
    const keptBytes = (usedBytes() - before) / numSteps;
    const { keptStateBytes, activationBytes } = ledger;
    const turn = performance.now();
    const { y0: y0Bar, parameters } = solution.pullback([undefined, y0]);
    const backwardMs = performance.now() - turn;
    for (const x of [...y0Bar, ...parameters]) field.engine.release(x);
    solution.release();
    return {
      keptBytes,
      stateBytes: keptStateBytes / numSteps,
      activationBytes: activationBytes / numSteps,
      forwardUs: (1000 * forwardMs) / numSteps,
      backwardUs: (1000 * backwardMs) / numSteps,
    };
  };
  take(WARM_UP);
  return take(steps);
}
