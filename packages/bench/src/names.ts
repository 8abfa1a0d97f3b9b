import { ArgumentError } from '@odegrad/core';
import { InvalidArgumentError } from 'commander';
import { OWN_KERNELS } from './engines.ts';
import { oneOf, type FloatType, type ReadName } from './parse.ts';
import { registry } from './registry.ts';

/** Readers of names in the registry, so that a wrong one is refused before any work. */

export const solverName: ReadName = oneOf('solver', registry.names('solver'));

/** Names of solvers that choose their steps. */
export const adaptiveSolvers: readonly string[] = registry
  .names('solver')
  .filter((name) => registry.get('solver', name).embeddedOrder !== undefined);

/** A solver that chooses its steps. */
export const adaptiveSolverName: ReadName = (text) => {
  const name = solverName(text);
  if (adaptiveSolvers.includes(name)) return name;
  throw new InvalidArgumentError(
    `Solver '${name}' estimates no error, and so cannot choose its steps. Allowed choices are ${adaptiveSolvers.join(', ')}.`,
  );
};

/** Any strategy, where budgets can be given too. */
export const anyGradientName: ReadName = oneOf('gradient', registry.names('gradient'));

const unbounded = registry.names('gradient').filter((name) => name !== 'auto');

/** A strategy that needs no budget. */
export const gradientName: ReadName = (text) => {
  if (text !== 'auto') return oneOf('gradient', unbounded)(text);
  throw new InvalidArgumentError(
    "Gradient 'auto' keeps to a budget, which `odegrad gradients --max-bytes` gives. " +
      `Allowed choices here are ${unbounded.join(', ')}.`,
  );
};

const knownEngine = oneOf('engine', registry.names('engine'));

/** An engine, or engine:backend. */
export const engineName: ReadName = (text) => {
  const [name, ...backend] = text.split(':') as [string, ...string[]];
  knownEngine(name);
  if (backend.length > 1 || backend[0] === '')
    throw new InvalidArgumentError(`Give an engine, or an engine and a backend: ${name}, ${name}:cpu.`);
  if (OWN_KERNELS.includes(name) && backend.length > 0)
    throw new InvalidArgumentError(`Engine '${name}' has no backends: name it alone.`);
  return text;
};

/** @throws {ArgumentError} if an engine has no numbers of that precision. */
export function checkPrecision(engine: string, dtype: FloatType): void {
  if (dtype === 'float32' || OWN_KERNELS.includes(engine)) return;
  throw new ArgumentError(
    `Engine '${engine}' computes in float32 alone, as TensorFlow.js does: for --dtype ${dtype} name engine '${OWN_KERNELS.join("' or '")}'.`,
  );
}
