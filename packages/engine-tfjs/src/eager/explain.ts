import { engine, findBackendFactory, getKernel } from '@tensorflow/tfjs-core';
import { EngineError } from '@odegrad/core';

/** Runs `body`; errors by which TensorFlow.js says that it lacks something become typed ones that say what to do. */
export function explained<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw explain(error);
  }
}

/** The error itself where it is another one. */
export function explain(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof EngineError) return error;
  const { message } = error;
  const [, kernel, backend] = /^Kernel '(\w+)' not registered for backend '([^']+)'/.exec(message) ?? [];
  // What is no backend of TensorFlow.js belongs to an engine that records.
  if (kernel && backend && (findBackendFactory(backend) as unknown)) {
    return missingKernel(kernel, backend, { cause: error });
  }
  const [, operation] = /^Cannot compute gradient: gradient function not found for (\w+)/.exec(message) ?? [];
  if (operation) {
    return new EngineError(
      `f has no gradient: TensorFlow.js has none for its operation ${operation}. Write that part of f with others, or with ` +
        `tf.customGrad, or take what needs no gradient out of f.`,
      { cause: error },
    );
  }
  const [, faulty] = /^Error in gradient for op (\w+)\./.exec(message) ?? [];
  if (faulty) {
    return new EngineError(
      `f has no gradient: the one that TensorFlow.js has for its operation ${faulty} fails (${message}). Write that part of f ` +
        `with others, or with tf.customGrad.`,
      { cause: error },
    );
  }
  return error;
}

/** An error that says which kernel a backend lacks, and who has it. */
export function missingKernel(kernel: string, backend: string, options?: ErrorOptions): EngineError {
  const others = Object.keys(engine().registryFactory).filter(
    (name) => name !== backend && (getKernel(kernel, name) as unknown) !== undefined,
  );
  const remedies = [
    ...(others.length > 0 ? [`take a backend that has it (${others.join(', ')}) with tf.setBackend`] : []),
    ...(backend === 'wasm' && others.includes('cpu')
      ? ["let wasm have it from cpu: chooseBackend(['wasm'])"]
      : []),
    "take engine: 'onnx' of @odegrad/engine-onnx, which has kernels of its own",
  ];
  return new EngineError(
    `Backend '${backend}' of TensorFlow.js has no kernel ${kernel}, which f or its gradient needs. What helps: ${remedies.join('; or ')}.`,
    options,
  );
}
