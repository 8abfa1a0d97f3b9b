import * as tf from '@tensorflow/tfjs';
import { ArgumentError, EngineError, type Registry } from '@odegrad/core';
import { chooseBackend, type BackendName, type FieldEngine } from '@odegrad/engine-tfjs';

/** An engine on a backend of TensorFlow.js, as `--engine tfjs:wasm` names them. */
export interface EngineChoice {
  /** As it was asked for. */
  readonly label: string;
  readonly engine: FieldEngine<unknown>;
  readonly backend: string;
}

/** Engines that run on the processor by themselves, in doubles too; of TensorFlow.js they need only its tensors. */
export const OWN_KERNELS: readonly string[] = ['onnx', 'wasm', 'auto'];

/**
 * Looks an engine up by `name` or `name:backend` and makes its backend current; without a backend, the fastest
 * that runs here, and what that is goes to `notes`.
 *
 * @throws {RegistryError} if there is no such engine.
 * @throws {ArgumentError} if there is no such backend.
 */
export async function openEngine(
  label: string,
  registry: Registry,
  notes?: NodeJS.WritableStream,
): Promise<EngineChoice> {
  const [name, wanted] = label.split(':') as [string, string?];
  const engine = registry.get('engine', name);
  if (!('prepare' in engine)) {
    throw new ArgumentError(`Engine '${name}' does not run functions on tensors. Choose another.`);
  }
  // Spares the user TensorFlow.js' advice to install something else.
  tf.env().set('PROD', true);
  const own = OWN_KERNELS.includes(name);
  const backend = own || wanted ? await useBackend(wanted ?? 'cpu') : await fastestBackend(notes);
  return { label, engine: engine as FieldEngine<unknown>, backend };
}

/** Leaves the choice to engine-tfjs, and says what it took and why. */
async function fastestBackend(notes: NodeJS.WritableStream | undefined): Promise<string> {
  const { backend, tried } = await chooseBackend();
  const reasons = tried.map(({ name, outcome }) => `${name}: ${outcome}`);
  notes?.write(`Backend ${backend} (${reasons.join('; ')}).\n`);
  return backend;
}

/** Backends that come in packages of their own. */
const PACKAGES: Readonly<Record<string, readonly BackendName[]>> = {
  wasm: ['wasm'],
  tensorflow: ['tfjs-node-gpu', 'tfjs-node'],
};

async function useBackend(name: string): Promise<string> {
  const packages = PACKAGES[name];
  if (packages) {
    try {
      return (await chooseBackend(packages)).backend;
    } catch (error) {
      if (error instanceof EngineError)
        throw new ArgumentError(`Backend '${name}': ${error.message}`, { cause: error });
      throw error;
    }
  }
  // TensorFlow.js says in its types that a factory is always found.
  const factory = tf.findBackendFactory(name) as unknown;
  if (factory && (await tf.setBackend(name))) return name;
  throw new ArgumentError(
    `TensorFlow.js has no backend '${name}' here. There are: ${Object.keys(tf.engine().registryFactory).join(', ')}, wasm.`,
  );
}
