import {
  engine,
  findBackend,
  getKernel,
  getKernelsForBackend,
  registerKernel,
  Tensor,
  type KernelBackend,
  type KernelConfig,
  type KernelFunc,
  type NamedTensorInfoMap,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

/** Kernels on types that are no plain arrays of numbers, whose data cannot be handed over so. */
const OTHER_TYPES = /Complex|^Real$|^Imag$|FFT|String|RegexReplace|Ragged|Draw/;

/**
 * Lets a backend run on another one's kernels what it has no kernel for: operands are copied over, the result is copied back.
 * wasm lacks some that gradients need (of convolutions with respect to their filters, of depthwise ones, of gather), and the cpu
 * backend has them. Nothing is lent a second time, nor where the lender is not there.
 *
 * @returns the names of the kernels that were registered.
 */
export function borrowKernels(backendName: string, lenderName: string): readonly string[] {
  const lender = findBackend(lenderName) as KernelBackend | null;
  if (!lender) return [];
  const missing = getKernelsForBackend(lenderName).filter(
    ({ kernelName }) =>
      !OTHER_TYPES.test(kernelName) &&
      (getKernel(kernelName, backendName) as KernelConfig | undefined) === undefined,
  );
  for (const { kernelName, kernelFunc } of missing) {
    registerKernel({ kernelName, backendName, kernelFunc: onBackend(lender, kernelFunc) });
  }
  return missing.map(({ kernelName }) => kernelName);
}

function onBackend(lender: KernelBackend, kernelFunc: KernelFunc): KernelFunc {
  return ({ inputs, attrs, backend }) => {
    const own = backend as unknown as KernelBackend;
    const lent = new Map<TensorInfo, TensorInfo>();
    const lend = (x: TensorInfo): TensorInfo => {
      const known = lent.get(x);
      if (known) return known;
      const { shape, dtype } = x;
      const copy = {
        dataId: lender.write(own.readSync(x.dataId), shape, dtype),
        shape,
        dtype,
      };
      lent.set(x, copy);
      return copy;
    };
    try {
      const results = kernelFunc({ inputs: mapped(inputs, lend), attrs: attrs ?? {}, backend: lender });
      return Array.isArray(results)
        ? results.map((result) => takeBack(result, own, lender))
        : takeBack(results, own, lender);
    } finally {
      for (const { dataId } of lent.values()) lender.disposeData(dataId);
    }
  };
}

/** Operands are a record, or a list where a kernel takes any number; some may be left out. */
function mapped(inputs: NamedTensorInfoMap, change: (x: TensorInfo) => TensorInfo): NamedTensorInfoMap {
  const entries = Object.entries(inputs as Record<string, TensorInfo | undefined>).map(
    ([name, x]) => [name, x && change(x)] as const,
  );
  const list = Array.isArray(inputs) ? entries.map(([, x]) => x) : Object.fromEntries(entries);
  return list as unknown as NamedTensorInfoMap;
}

function takeBack(result: TensorInfo, own: KernelBackend, lender: KernelBackend): TensorInfo {
  const { shape, dtype, dataId } = result;
  // A kernel may give a tensor, which TensorFlow.js counts.
  const source = result instanceof Tensor ? engine().readSync(dataId) : lender.readSync(dataId);
  const copy = { dataId: own.write(source, shape, dtype), shape, dtype };
  if (result instanceof Tensor) result.dispose();
  else lender.disposeData(dataId);
  return copy;
}
