import type { FieldRequest } from '@odegrad/engine-tfjs';
import type { Variable } from '@tensorflow/tfjs-core';

import type { Program } from './program.ts';
import { traceField, traceGradient, type Trace } from './trace.ts';

/** The traces of one function for given shapes, parameters and backend, and what was made of them. */
export interface TracedField<M> {
  readonly shapes: readonly (readonly number[])[];
  readonly forward: Program;
  readonly gradient: () => Program;
  readonly others: readonly Variable[];
  readonly made: M;
}

/** Finds or makes the trace for a request. */
export type TraceCache<M> = (request: FieldRequest, variant: string) => TracedField<M>;

/** Traces live as long as their function. */
export function createTraceCache<M>(
  make: (traced: Omit<TracedField<M>, 'made'>, request: FieldRequest) => M,
): TraceCache<M> {
  const byFunction = new WeakMap<object, Map<string, TracedField<M>>>();
  return (request, variant) => {
    const shapes = request.y0.map((part) => [...part.shape]);
    const key = JSON.stringify([variant, request.dtype, shapes, request.parameters.map(({ id }) => id)]);
    const traces = byFunction.get(request.key) ?? new Map<string, TracedField<M>>();
    byFunction.set(request.key, traces);
    let traced = traces.get(key);
    if (!traced) {
      const bare = traceRequest(request, shapes);
      traces.set(key, (traced = { ...bare, made: make(bare, request) }));
    }
    return traced;
  };
}

function traceRequest(
  { f, parameters }: FieldRequest,
  shapes: readonly (readonly number[])[],
): Omit<TracedField<never>, 'made'> {
  const request = { f, shapes, parameters };
  const forward = traceField(request);
  let gradient: Program | undefined;
  return {
    shapes,
    forward: forward.program,
    gradient: () => (gradient ??= aligned(traceGradient(request), forward.others)),
    others: forward.others,
  };
}

/** The gradient's ports for other variables under the numbers that they have in f's own trace. */
function aligned({ program, others }: Trace, known: readonly Variable[]): Program {
  const renamed = new Map(others.map((variable, i) => [`v${i}`, `v${known.indexOf(variable)}`]));
  return {
    ...program,
    inputs: program.inputs.map(({ name, value }) => ({ name: renamed.get(name) ?? name, value })),
  };
}
