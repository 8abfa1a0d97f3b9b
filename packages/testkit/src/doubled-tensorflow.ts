import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createContext, runInContext } from 'node:vm';

/** e^−x² times this is erf; all its terms are of one sign (Abramowitz & Stegun 7.1.6). */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Kernels whose results jump, and that TensorFlow.js has no gradient for: it is zero. */
const jumps: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    'Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd LogicalOr LogicalXor'
      .split(' ')
      .map((name) => [name, ['a', 'b']]),
  ),
  ...Object.fromEntries(
    'LogicalNot IsNan IsInf IsFinite Any All ArgMax ArgMin'.split(' ').map((name) => [name, ['x']]),
  ),
};

/**
 * TensorFlow.js in doubles: its bundle once more, on its own processor backend, in a realm whose Float32Array is Float64Array.
 * Kernels, gradients and the numbers that they are given are then right to the rounding of float64. Its erf is an approximation
 * to seven digits and is replaced; comparisons get the gradient zero. Tensors of the two copies do not mix: what goes in are
 * lists of numbers. It has the type of TensorFlow.js.
 */
export async function doubledTensorFlow(): Promise<unknown> {
  const path = createRequire(import.meta.url).resolve('@tensorflow/tfjs/dist/tf.js');
  const realm = createContext({
    console,
    performance,
    setTimeout,
    TextEncoder,
    TextDecoder,
    // What the bundle takes for a browser: there it needs no modules.
    navigator: { userAgent: '' },
    document: {},
    location: { search: '' },
  });
  runInContext(
    'globalThis.Float32Array = Float64Array; globalThis.window = globalThis.self = globalThis;',
    realm,
  );
  runInContext(readFileSync(path, 'utf8'), realm);
  const doubled = (realm as { tf: unknown }).tf as {
    setBackend(name: string): Promise<boolean>;
    unregisterKernel(name: string, backend: string): void;
    registerKernel(config: object): void;
    registerGradient(config: object): void;
    zeros(shape: readonly number[]): unknown;
    tensor(values: readonly number[], shape: readonly number[]): unknown;
    engine(): { readSync(id: object): ArrayLike<number> };
  };
  await doubled.setBackend('cpu');
  doubled.unregisterKernel('Erf', 'cpu');
  doubled.registerKernel({
    kernelName: 'Erf',
    backendName: 'cpu',
    kernelFunc: ({ inputs: { x } }: { inputs: { x: { dataId: object; shape: number[] } } }) =>
      doubled.tensor(Array.from(doubled.engine().readSync(x.dataId), erf), x.shape),
  });
  for (const [kernelName, inputsToSave] of Object.entries(jumps)) {
    doubled.registerGradient({
      kernelName,
      inputsToSave,
      gradFunc: (_: unknown, saved: readonly { shape: number[] }[]) =>
        Object.fromEntries(inputsToSave.map((name, i) => [name, () => doubled.zeros(saved[i]!.shape)])),
    });
  }
  return doubled;
}
