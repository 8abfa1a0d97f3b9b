import { checkKernel, missingKernel } from '@odegrad/engine-tfjs';
import { engine, getKernel, keep, Tensor, type KernelBackend, type TensorInfo } from '@tensorflow/tfjs-core';

import { createWasmMemory, directCall, privateValues, type WasmMemory } from './wasm-calls.ts';
import type { ConstantData, Instruction, Program, TensorType } from '@odegrad/trace';

/** A program made ready for one backend of TensorFlow.js. */
export interface Replay {
  readonly inputs: ReadonlySet<string>;
  /** Runs the kernels, freeing every buffer after its last use. The results belong to the caller. */
  run(inputs: Readonly<Record<string, TensorInfo>>): Record<string, TensorInfo>;
}

interface Step {
  readonly run: (inputs: Record<string, TensorInfo>) => TensorInfo | TensorInfo[];
  readonly inputs: readonly (readonly [string, number])[];
  readonly isList: boolean;
  readonly outputs: readonly number[];
  /** Whether the results lie in buffers that are never freed. */
  readonly fixed: boolean;
  /** Values that nothing reads afterwards. */
  readonly free: readonly number[];
}

/** Constants lie on the backend as long as the replay is used. */
const abandoned = new FinalizationRegistry<() => void>((free) => {
  free();
});

/**
 * Prepares a program for the backend that TensorFlow.js is on: its own kernels, called one after the other
 * without tape, tensors or scopes.
 * @throws {EngineError} if the backend lacks a kernel.
 */
export function prepareReplay(program: Program): Replay {
  const { backend, backendName } = engine();
  const memory = backendName === 'wasm' ? createWasmMemory(backend) : undefined;
  const steps = stepsOf(program, backend, backendName, memory);
  const constants = upload(program, backend);
  const kept = new Set([...constants.keys(), ...program.inputs.map(({ value }) => value)]);
  const replay: Replay = {
    inputs: new Set(program.inputs.map(({ name }) => name)),
    run(inputs) {
      const infos: (TensorInfo | undefined)[] = new Array<TensorInfo | undefined>(program.values.length);
      for (const [value, info] of constants) infos[value] = info;
      for (const { name, value } of program.inputs) infos[value] = inputs[name]!;
      const made = new Set<number>();
      try {
        for (const step of steps) {
          // A list of operands is a list to the kernel too.
          const operands: Record<string, TensorInfo> = step.isList
            ? ([] as unknown as Record<string, TensorInfo>)
            : {};
          for (const [name, value] of step.inputs) operands[name] = infos[value]!;
          const results = step.run(operands);
          step.outputs.forEach((output, i) => {
            const info = Array.isArray(results) ? results[i]! : results;
            // No scope of the caller's is to free it.
            infos[output] = info instanceof Tensor ? keep(info) : info;
            if (!step.fixed) made.add(output);
          });
          for (const value of step.free) {
            free(infos[value]!, backend);
            made.delete(value);
          }
        }
      } catch (error) {
        for (const value of made) free(infos[value]!, backend);
        throw error;
      }
      const results: Record<string, TensorInfo> = {};
      const given = new Set<number>();
      for (const { name, value } of program.outputs) {
        const info = infos[value]!;
        // An input, a constant or a result that goes out twice is a second reference to the same data.
        const again = kept.has(value) || given.has(value);
        if (again) backend.incRef(info.dataId);
        given.add(value);
        results[name] = again ? { dataId: info.dataId, shape: info.shape, dtype: info.dtype } : info;
      }
      return results;
    },
  };
  abandoned.register(replay, () => {
    for (const info of constants.values()) backend.disposeData(info.dataId, true);
    memory?.free();
  });
  return replay;
}

/** Frees a result. Some kernels return tensors that TensorFlow.js counts. */
export function free(info: TensorInfo, backend: KernelBackend): void {
  if (info instanceof Tensor) info.dispose();
  else backend.disposeData(info.dataId);
}

function stepsOf(
  program: Program,
  backend: KernelBackend,
  backendName: string,
  memory: WasmMemory | undefined,
): readonly Step[] {
  const lastUse = new Map<number, Instruction>();
  for (const instruction of program.instructions) {
    // A result that nothing reads is freed where it was made.
    for (const output of instruction.outputs) lastUse.set(output, instruction);
    for (const { value } of instruction.inputs) if (lastUse.has(value)) lastUse.set(value, instruction);
  }
  for (const { value } of program.outputs) lastUse.delete(value);
  const unshared = privateValues(program);
  const direct = new Map(
    program.instructions.map((instruction) => {
      const isPrivate = instruction.outputs.every((output) => unshared.has(output));
      return [instruction, memory && directCall(instruction, program.values, backend, memory, isPrivate)];
    }),
  );
  const fixed = new Set(
    program.instructions.filter((made) => direct.get(made)?.fixed).flatMap(({ outputs }) => outputs),
  );
  const freed = new Map<Instruction, number[]>();
  for (const [value, instruction] of lastUse) {
    if (!fixed.has(value)) freed.set(instruction, [...(freed.get(instruction) ?? []), value]);
  }

  return program.instructions.map((instruction) => {
    checkKernel(instruction.kernel, backendName);
    const kernel = getKernel(instruction.kernel, backendName) as ReturnType<typeof getKernel> | undefined;
    if (!kernel) throw missingKernel(instruction.kernel, backendName);
    const attrs = instruction.attrs as never;
    const call = direct.get(instruction);
    return {
      run:
        call?.run ??
        ((inputs) => kernel.kernelFunc({ inputs: ranked(instruction.kernel, inputs), attrs, backend })),
      inputs: instruction.inputs.map(({ name, value }) => [name, value] as const),
      isList: instruction.inputs[0]?.name === '0',
      outputs: instruction.outputs,
      fixed: call?.fixed ?? false,
      free: freed.get(instruction) ?? [],
    };
  });
}

function upload(program: Program, backend: KernelBackend): Map<number, TensorInfo> {
  const infos = new Map<number, TensorInfo>();
  for (const [value, data] of program.constants) {
    const { shape } = program.values[value]!;
    // What is replayed is what was recorded: no doubles.
    const dtype = program.values[value]!.dtype as TensorType;
    const values: ConstantData = data instanceof Float64Array ? Float32Array.from(data) : data.slice();
    const dataId = backend.write(values as Float32Array, [...shape], dtype);
    infos.set(value, { dataId, shape: [...shape], dtype });
  }
  return infos;
}

/** Two kernels ask for a rank, which only tensors have. */
function ranked(kernel: string, inputs: Record<string, TensorInfo>): Record<string, TensorInfo> {
  if (!kernel.startsWith('Dilation2DBackprop')) return inputs;
  return Object.fromEntries(
    Object.entries(inputs).map(([name, x]) => [name, { ...x, rank: x.shape.length }]),
  );
}
