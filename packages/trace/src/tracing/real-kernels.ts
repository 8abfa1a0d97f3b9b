import {
  engine,
  getKernel,
  type KernelBackend,
  type KernelConfig,
  type Tensor,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

import type { ResultType } from '../ir/result-rules.ts';
import { elementType, unrecordable } from './refusals.ts';
import {
  isPlaceholder,
  onRealBackend,
  placeholderTensor,
  type KernelInputs,
  type RealBackend,
} from './tracing-backend.ts';

type Settings = Record<string, unknown>;

/** A kernel's operands by name, those that it did not get left out. */
export function operandsOf(kernel: string, inputs: KernelInputs): [string, TensorInfo][] {
  const operands: [string, TensorInfo][] = [];
  for (const [name, input] of Object.entries(inputs)) {
    if (Array.isArray(input)) throw unrecordable(`${kernel} takes lists of tensors`);
    if (input) operands.push([name, input]);
  }
  return operands;
}

/** Runs a kernel whose operands are all known. */
export function compute(
  real: RealBackend,
  kernel: string,
  inputs: KernelInputs,
  attrs: Settings,
): Tensor | Tensor[] {
  const { out, on } = run(real, kernel, inputs, attrs);
  const tensor = (info: TensorInfo): Tensor => engine().makeTensorFromTensorInfo(info, on.backend);
  return Array.isArray(out) ? out.map(tensor) : tensor(out);
}

/** Shapes of a kernel without a rule, from running it on zeros. */
export function probe(
  real: RealBackend,
  kernel: string,
  inputs: KernelInputs,
  attrs: Settings,
): readonly ResultType[] {
  // Computing moves data to the real backend, so the kernel gets stand-ins.
  const standIns = operandsOf(kernel, inputs).map(
    ([name, x]) => [name, isPlaceholder(x.dataId) ? placeholderTensor(x.shape, x.dtype) : x] as const,
  );
  const { out, on } = run(
    real,
    kernel,
    Array.isArray(inputs) ? (standIns.map(([, x]) => x) as never) : Object.fromEntries(standIns),
    attrs,
  );
  const infos = Array.isArray(out) ? out : [out];
  const types = infos.map(({ shape, dtype }) => ({ shape, dtype: elementType(dtype, kernel) }));
  infos.forEach((info) => engine().makeTensorFromTensorInfo(info, on.backend).dispose());
  return types;
}

function run(
  real: RealBackend,
  kernel: string,
  inputs: KernelInputs,
  attrs: Settings,
): { out: TensorInfo | TensorInfo[]; on: RealBackend } {
  const { run: kernelFunc, on } = kernelFunction(real, kernel);
  const out = onRealBackend(on, () =>
    kernelFunc({ inputs: inputs as never, attrs: attrs as never, backend: on.backend }),
  );
  return { out, on };
}

function kernelFunction(
  real: RealBackend,
  kernel: string,
): { run: NonNullable<ReturnType<typeof getKernel>>['kernelFunc']; on: RealBackend } {
  // Kernels are found by name, and an unknown name gives undefined, whatever the types say.
  const own = getKernel(kernel, real.name) as KernelConfig | undefined;
  if (own) return { run: own.kernelFunc, on: real };
  const fallback = getKernel(kernel, 'cpu') as KernelConfig | undefined;
  const cpu = engine().findBackend('cpu') as KernelBackend | null;
  if (!fallback || !cpu) throw unrecordable(`backend ${real.name} has no kernel ${kernel}`);
  return { run: fallback.kernelFunc, on: { name: 'cpu', backend: cpu } };
}
