import type { FieldRequest } from '@odegrad/engine-tfjs';
import type { Variable } from '@tensorflow/tfjs-core';

import { recordingFor } from './found-parameters.ts';
import { latest, type Latest } from './latest.ts';
import { difference, type Program } from './program.ts';
import { traceGradient, type Trace } from './trace.ts';

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

/** How many recordings outlive their functions. */
const RECENT = 16;

/** Recordings of one function that are ready to be used: batches of ever new sizes are not to fill the memory. */
const SHAPES = 32;

/**
 * Traces live as long as their function; the latest longer, for a function that is written down where it is used, and so is
 * another at every call: what records alike, its gradient included, is the same. Of one function the recordings that were asked for
 * last are kept; what was made of the others is given to `retire`, though a solve may still be at work with it.
 */
export function createTraceCache<M>(
  make: (traced: Omit<TracedField<M>, 'made'>, request: FieldRequest) => M,
  retire: (made: M) => void = () => undefined,
): TraceCache<M> {
  const byFunction = new WeakMap<object, Latest<string, TracedField<M>>>();
  const recent: { readonly key: string; readonly traced: TracedField<M> }[] = [];
  return (request, variant) => {
    const shapes = request.y0.map((part) => [...part.shape]);
    const key = JSON.stringify([variant, request.dtype, shapes, request.parameters.map(({ id }) => id)]);
    const traces =
      byFunction.get(request.key) ??
      latest<string, TracedField<M>>(SHAPES, ({ made }) => {
        retire(made);
      });
    byFunction.set(request.key, traces);
    let traced = traces.get(key);
    if (!traced) {
      const bare = traceRequest(request, shapes);
      const twin = recent.findIndex((other) => other.key === key && sameTrace(other.traced, bare));
      traced = recent[twin]?.traced ?? { ...bare, made: make(bare, request) };
      if (twin >= 0) recent.splice(twin, 1);
      recent.unshift({ key, traced });
      recent.length = Math.min(recent.length, RECENT);
      traces.set(key, traced);
    }
    return traced;
  };
}

type BareField = Omit<TracedField<unknown>, 'made'>;

function sameTrace(a: BareField, b: BareField): boolean {
  if (a.others.length !== b.others.length || a.others.some((variable, i) => variable !== b.others[i]))
    return false;
  if (difference(a.forward, b.forward)) return false;
  const [one, other] = [gradientIn(a), gradientIn(b)];
  return one && other ? !difference(one, other) : one === other;
}

/** The gradient's program; undefined where f has none, which concerns nobody until one is asked for, and then is said. */
export function gradientIn({ gradient }: Pick<BareField, 'gradient'>): Program | undefined {
  try {
    return gradient();
  } catch {
    return undefined;
  }
}

function traceRequest(
  request: FieldRequest,
  shapes: readonly (readonly number[])[],
): Omit<TracedField<never>, 'made'> {
  const forward = recordingFor(request);
  const { f, parameters } = request;
  let gradient: Program | undefined;
  return {
    shapes,
    forward: forward.program,
    gradient: () => (gradient ??= aligned(traceGradient({ f, shapes, parameters }), forward.others)),
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
