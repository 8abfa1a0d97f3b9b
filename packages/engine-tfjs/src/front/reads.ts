import { getGradient, Tensor, type Variable } from '@tensorflow/tfjs-core';
import { EngineError } from '@odegrad/core';
import type { Call } from './arguments.ts';
import type { Parameters } from './entered.ts';
import type { Part } from './parts.ts';
import { findReads } from './probe.ts';
import { hasDerivative } from '../tape/discrete.ts';
import { environmentOf, type Environment } from '../tape/environment.ts';

/** @throws {EngineError} where TensorFlow.js has no gradients, as tfjs-core alone in Node. */
function requireGradients(): void {
  if ((getGradient('Add') as unknown) !== undefined) return;
  throw new EngineError(
    'TensorFlow.js has no gradients registered: @tensorflow/tfjs-core alone comes without them in Node. Import ' +
      "'@tensorflow/tfjs' once, before the first gradient.",
  );
}

/** A function of t and y, and where it is first called. */
type Readable<S, P extends Part> = Pick<Call<S, P>, 'f' | 'ts' | 'kind' | 'y0' | 'engine' | 'dtype'>;

/**
 * What f reads at (t0, y0), for a gradient.
 *
 * @throws {EngineError} where none could be taken.
 */
export function readsOf<S, P extends Part>(call: Readable<S, P>): readonly Tensor[] {
  requireGradients();
  return readsAtStart(call);
}

/** What f reads at (t0, y0): variables and captured tensors, in the order of their first use. */
export function readsAtStart<S, P extends Part>({
  f,
  ts,
  kind,
  y0,
  engine,
  dtype,
}: Readable<S, P>): readonly Tensor[] {
  const t0 = ts[0]!;
  return kind.withTensors(
    y0,
    (tensors) => engine.findReads?.({ f, t0, y0: tensors, dtype }) ?? findReads(f, t0, tensors),
  );
}

/** What its conditions and jumps read, each of them. */
export function eventReadsOf<S, P extends Part>(call: Call<S, P>): ReadonlyMap<object, readonly Tensor[]> {
  const functions = call.events.flatMap(({ when, then }) =>
    typeof then === 'string' ? [when] : [when, then],
  );
  return new Map(functions.map(({ f }) => [f, readsOf({ ...call, f })]));
}

/** What f, conditions and jumps were seen to read, each once. */
export function allReads({
  reads = [],
  eventReads,
}: Pick<Parameters, 'reads' | 'eventReads'>): readonly Tensor[] {
  return [...new Set([reads, ...(eventReads?.values() ?? [])].flat())];
}

/** What a solve reads, as far as it is known before: what f was seen to read, and its args. */
export function withArgs<S>(reads: readonly Tensor[], { args }: Call<S>): readonly Tensor[] {
  return [...new Set([...reads, ...args.tensors])];
}

/** The values of this moment, of all that a solve reads as far as it is known before, and of y0. */
export function environmentOfCall<S, P extends Part>(
  call: Call<S, P>,
  reads: readonly Tensor[],
): Environment {
  return environmentOf([
    ...withArgs(reads, call),
    ...call.y0.filter((part): part is P & Tensor => part instanceof Tensor),
  ]);
}

/** The variables to take gradients for: the user's list, or the trainable ones that f reads. */
export function variablesOf<S, P extends Part>(
  { params }: Call<S, P>,
  reads: readonly Tensor[],
): readonly Variable[] {
  return params ?? reads.filter((x): x is Variable => hasDerivative(x));
}
