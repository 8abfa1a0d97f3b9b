import { ArgumentError } from '@odegrad/core';
import type { FieldRequest } from '@odegrad/engine-tfjs';
import { Variable, type Tensor } from '@tensorflow/tfjs-core';

import { traceField, withParameters, type Trace } from './trace.ts';

/** What was recorded to find what f reads, for the solve that gets the list; it lives as long as that. */
const traces = new WeakMap<readonly Tensor[], Trace>();

/**
 * The variables and captured tensors that f reads, from a recording of it, which computes nothing. Undefined where that does
 * not tell: f cannot be recorded.
 */
export function findReads({
  f,
  y0,
  dtype,
}: Pick<FieldRequest, 'f' | 'y0' | 'dtype'>): readonly Tensor[] | undefined {
  let trace: Trace;
  try {
    trace = recordedNow({ f, y0, parameters: [], dtype });
  } catch (error) {
    if (error instanceof ArgumentError) throw error;
    return undefined;
  }
  traces.set(trace.read, trace);
  return trace.read;
}

/** f as it was recorded to find what the request's f reads; or else it is recorded now. */
export function recordingFor(request: FieldRequest): Trace {
  const found = request.reads && traces.get(request.reads);
  return found ? withParameters(found, request.parameters) : recordedNow(request);
}

/** f as it is now. */
export function recordedNow({
  f,
  y0,
  parameters,
  dtype,
}: Pick<FieldRequest, 'f' | 'y0' | 'parameters' | 'dtype'>): Trace {
  return traceField({ f, shapes: y0.map((part) => [...part.shape]), parameters, dtype });
}

/** @throws {ArgumentError} if f turned out to read something besides the parameters whose gradient would be lost. */
export function checkMissed({ isMissed }: FieldRequest, others: readonly Tensor[]): void {
  const missed = isMissed && others.find(isMissed);
  if (!missed) return;
  const what =
    missed instanceof Variable ? `variable ${missed.name}` : `a tensor of shape [${missed.shape.join(', ')}]`;
  throw new ArgumentError(
    `f reads ${what}, whose gradient is wanted, and did not read it where such are looked for, at (t0, y0). Let f read it ` +
      'at every time; variables may be listed in `params`.',
  );
}
