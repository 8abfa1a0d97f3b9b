import { EngineError } from '@odegrad/core';
import type { FieldRequest } from '@odegrad/engine-tfjs';
import type { Variable } from '@tensorflow/tfjs-core';

import { traceField, withParameters, type Trace } from './trace.ts';

/** What was recorded to find parameters, for the solve that gets them; it lives as long as their list. */
const traces = new WeakMap<readonly Variable[], Trace>();

const shapesOf = (y0: FieldRequest['y0']): number[][] => y0.map((part) => [...part.shape]);

/**
 * The trainable variables that f reads, from a recording of it, which computes nothing. Undefined where that does not tell: f
 * cannot be recorded.
 */
export function findParameters({
  f,
  y0,
  dtype,
}: Pick<FieldRequest, 'f' | 'y0' | 'dtype'>): readonly Variable[] | undefined {
  let trace: Trace;
  try {
    trace = traceField({ f, shapes: shapesOf(y0), parameters: [], dtype });
  } catch {
    return undefined;
  }
  const variables = trace.read.filter(({ trainable }) => trainable);
  traces.set(variables, trace);
  return variables;
}

/** f as it was recorded to find the request's parameters; or else it is recorded now. */
export function recordingFor({ f, y0, parameters, dtype }: FieldRequest): Trace {
  const found = traces.get(parameters);
  return found
    ? withParameters(found, parameters)
    : traceField({ f, shapes: shapesOf(y0), parameters, dtype });
}

/** @throws {EngineError} if f turned out to read trainable variables besides those that were found. */
export function checkTrainable({ parametersFound }: FieldRequest, others: readonly Variable[]): void {
  const missed = parametersFound ? others.find(({ trainable }) => trainable) : undefined;
  if (missed) {
    throw new EngineError(
      `f reads trainable variable ${missed.name}, which it did not read at (t0, y0). List its variables in \`parameters\`.`,
    );
  }
}
