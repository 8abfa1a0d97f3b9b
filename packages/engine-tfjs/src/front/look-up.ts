import type { Kind, Registered, Registry } from '@odegrad/core';

/** Which package brings a name, for the message where it is missing. Core knows no plugin; this front end knows those beside it. */
const HOMES: Readonly<Partial<Record<Kind, Readonly<Record<string, readonly string[]>>>>> = {
  gradient: {
    '@odegrad/grad-backprop': ['backprop'],
    '@odegrad/grad-adjoint': ['adjoint'],
    '@odegrad/grad-symplectic': ['symplectic'],
    '@odegrad/grad-checkpoint': [
      'checkpoint',
      'recompute',
      'resolve',
      'stages',
      'binomial',
      'online',
      'auto',
    ],
  },
  engine: {
    '@odegrad/engine-onnx': ['onnx'],
    '@odegrad/engine-replay': ['replay'],
    '@odegrad/engine-wasm': ['wasm'],
    '@odegrad/trace': ['auto'],
  },
};

/** Methods are many: their package is named only where there is none at all. */
const METHODS = '@odegrad/tableaux';

function homeOf(registry: Registry, kind: Kind, name: string): string | undefined {
  if (kind === 'solver' && registry.names(kind).length === 0) return METHODS;
  return Object.entries(HOMES[kind] ?? {}).find(([, names]) => names.includes(name))?.[0];
}

/**
 * What is registered under a name.
 *
 * @throws {RegistryError} if nothing is; where a package of this project brings it, the message says which.
 */
export function lookUp<K extends Kind>(registry: Registry, kind: K, name: string): Registered[K] {
  if (registry.has(kind, name)) return registry.get(kind, name);
  const home = homeOf(registry, kind, name);
  return registry.get(kind, name, home && `Install ${home} and register it: registry.use(plugin).`);
}
