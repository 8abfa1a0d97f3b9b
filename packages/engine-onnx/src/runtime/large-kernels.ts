import {
  engine,
  getKernel,
  registerKernel,
  tensor,
  unregisterKernel,
  type KernelConfig,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import {
  createBuilder,
  kernels,
  operations,
  resultTypes,
  type Attributes,
  type Program,
} from '@odegrad/trace';

import { LoweringError } from '../lower/index.ts';
import { KERNEL_WORK } from '../tuning.ts';
import { wrap } from '@odegrad/trace';
import { type Runtime } from './runtime.ts';
import { compileProgram, type Model } from './compile.ts';

/** Kernels whose work grows faster than what they read and write. */
const heavy = Object.keys(kernels).filter((name) => kernels[name]!.contracts);

type Operands = Readonly<Record<string, TensorInfo>>;

/**
 * Runs `body`, eagerly as ever, but with large products and convolutions computed by ONNX Runtime where TensorFlow.js is on its
 * own processor backend: that takes seconds for a product of matrices of a thousand rows and columns. Each kernel is still run
 * for itself, when `body` comes to it, on the values that are there then.
 */
export function withLargeKernels<T>(runtime: Runtime, body: () => T): T {
  if (engine().backendName !== 'cpu') return body();
  const models = new Map<string, Model | undefined>();
  const originals = heavy.flatMap((name) => (getKernel(name, 'cpu') as KernelConfig | undefined) ?? []);
  const swap = (configs: readonly KernelConfig[]): void => {
    for (const config of configs) {
      unregisterKernel(config.kernelName, 'cpu');
      registerKernel(config);
    }
  };
  swap(originals.map((config) => relieved(config, models, runtime)));
  try {
    return body();
  } finally {
    swap(originals);
    for (const model of models.values()) model?.release();
  }
}

/** The kernel, run as a model of its own where it is large. */
function relieved(
  original: KernelConfig,
  models: Map<string, Model | undefined>,
  runtime: Runtime,
): KernelConfig {
  return {
    ...original,
    kernelFunc(call) {
      const operands = Object.fromEntries(
        Object.entries(call.inputs).filter(([, x]) => x as TensorInfo | null | undefined),
      ) as Operands;
      const attrs = call.attrs ?? {};
      const program = alone(original.kernelName, operands, attrs);
      if (!program || operations(program) < KERNEL_WORK) return original.kernelFunc(call);
      const key = JSON.stringify([program.instructions, program.values]);
      if (!models.has(key)) models.set(key, lowered(program, runtime));
      const model = models.get(key);
      if (!model) return original.kernelFunc(call);
      for (const [name, x] of Object.entries(operands)) {
        const kind = runtime.pool.kind(x.shape, x.dtype);
        model.feeds[name] = wrap(kind, engine().readSync(x.dataId) as Float32Array);
      }
      const { data, dims } = model.run()['result']!;
      return tensor(data as Float32Array, [...dims], 'float32');
    },
  };
}

function lowered(program: Program, runtime: Runtime): Model | undefined {
  try {
    return compileProgram(program, { ...runtime, float: 'float32', providers: ['cpu'] });
  } catch (error) {
    if (error instanceof LoweringError) return undefined;
    throw error;
  }
}

/** A program of that one kernel; undefined where it is not in float32. */
function alone(kernel: string, operands: Operands, attrs: Attributes): Program | undefined {
  const types = resultTypes(kernel, operands, attrs);
  if (types?.length !== 1 || Object.values(operands).some(({ dtype }) => dtype !== 'float32'))
    return undefined;
  const builder = createBuilder();
  const inputs = Object.fromEntries(
    Object.entries(operands).map(([name, { shape }]) => [name, builder.input(name, shape)]),
  );
  const value = builder.call(kernel, inputs, types[0]!.shape, attrs);
  return builder.finish([{ name: 'result', value }]);
}
