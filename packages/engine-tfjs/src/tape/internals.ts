import {
  engine,
  type DataId,
  type KernelBackend,
  type NamedTensorMap,
  type Tensor,
} from '@tensorflow/tfjs-core';

/** One recorded operation. TensorFlow.js frees what it saved when the tape ends. */
export interface TapeNode {
  readonly id: number;
  readonly kernelName: string;
  readonly inputs: NamedTensorMap;
  outputs: readonly Tensor[];
  saved: { dispose(): void }[];
  /** Called on the node that a gradient is taken through, whose inputs are those that it is taken for. */
  gradient?: (this: TapeNode, cotangents: Tensor[]) => Record<string, () => Tensor>;
}

/** Pulls the cotangents of an operation's outputs back to its inputs. */
export type GradientFunction = (
  cotangent: Tensor,
  saved: Tensor[],
  attributes?: unknown,
) => Record<string, () => Tensor>;

/** What of TensorFlow.js' engine this package stands on without a promise that it stays; a test watches it. */
export interface Internals {
  readonly state: {
    activeTape: TapeNode[] | null;
    /** How many gradients are being taken at the moment, one inside the other. */
    gradientDepth: number;
    /** How many operations are running inside one another; only the outermost is recorded. */
    kernelDepth: number;
    /** The tidies that are open, the outermost first, each with the tensors that were made in it. */
    readonly scopeStack: readonly { readonly name: string; readonly track: readonly Tensor[] }[];
    /** Where data lie. */
    readonly tensorInfo: { get(dataId: DataId): { readonly backend: KernelBackend } | undefined };
  };
  /** Forgets data that a backend has freed. */
  removeDataId(dataId: DataId, backend: KernelBackend): void;
  addTapeNode(
    kernelName: string,
    inputs: NamedTensorMap,
    outputs: Tensor[],
    gradient: GradientFunction | null,
    saved: Tensor[] | undefined,
    attributes: unknown,
  ): void;
  /** What is saved of an operation for its registered gradient: inputs, then outputs. */
  getTensorsForGradient(kernelName: string, inputs: NamedTensorMap, outputs: Tensor[]): Tensor[];
  gradients(
    f: () => Tensor,
    xs: Tensor[],
    cotangent?: Tensor,
    allowNoGradients?: boolean,
  ): { value: Tensor; grads: (Tensor | undefined)[] };
  /** Runs an operation by its name: what every function of TensorFlow.js does. */
  runKernel(kernelName: string, inputs: NamedTensorMap, attributes?: unknown): Tensor | Tensor[];
  /** A handle on the same data for a gradient function to keep; recorded although an operation is running. */
  clone(x: Tensor): Tensor;
  /** Ids grow: whatever is made after this call has a larger one. */
  nextTensorId(): number;
}

/** The engine of TensorFlow.js, its undocumented half included. */
export function internals(): Internals {
  return engine() as unknown as Internals;
}

/** Runs `body` with one of the engine's methods replaced. */
export function replacing<
  K extends 'addTapeNode' | 'clone' | 'getTensorsForGradient' | 'gradients' | 'runKernel',
  T,
>(method: K, replacement: Internals[K], body: () => T): T {
  const target = internals();
  const outer = Object.hasOwn(target, method) ? target[method] : undefined;
  target[method] = replacement;
  try {
    return body();
  } finally {
    if (outer) target[method] = outer;
    else Reflect.deleteProperty(target, method);
  }
}
