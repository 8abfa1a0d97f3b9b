import type { FieldRequest } from '@odegrad/engine-tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';

import { recordedNow, recordingFor } from './found-reads.ts';
import { latest, type Latest } from './latest.ts';
import { difference, type Program } from '../ir/program.ts';
import { checkSteady } from './guards.ts';
import { traceGradient, withNames, type Trace } from './trace.ts';

/** The programs of one function for given shapes and backend, and what was made of them. */
export interface TracedField<M> {
  readonly shapes: readonly (readonly number[])[];
  readonly forward: Program;
  /** @throws what recording it threw, where f has no gradient. */
  readonly gradient: () => Program;
  /** The gradient's program; undefined where f has none, which concerns nobody until one is asked for, and then is said. */
  readonly gradientIfAny: Program | undefined;
  readonly made: M;
}

/** A traced field, and what f reads besides its parameters in the solve at hand: the values of the ports `v0`, `v1`, … */
interface Found<M> {
  readonly traced: TracedField<M>;
  readonly others: readonly Tensor[];
}

/** Finds or makes the trace for a request. */
export type TraceCache<M> = (request: FieldRequest, variant: string) => Found<M>;

/** How many recordings outlive their functions. */
const RECENT = 16;
/** How many recordings of one function, shapes and all, are remembered: one that branches on what is outside has a few. */
const OF_ONE = 4;

interface Entry<M> {
  readonly key: string;
  readonly traced: TracedField<M>;
  /** Whether the gradient reads something that f does not. */
  readonly hasMore: boolean;
}

/** Shapes of one function that are ready to be used: batches of ever new sizes are not to fill the memory. */
const SHAPES = 32;

/**
 * Every solve records f anew, which computes nothing, and takes what was made for the same recording: variables and captured
 * tensors may be others each time. Recordings live as long as their function; the latest longer, for a function that is written
 * down where it is used, and so is another at every call: what records alike, its gradient included, is the same. Of one
 * function the shapes that were asked for last are kept; what was made of the others is given to `retire`, though a solve may still be
 * at work with it.
 */
export function createTraceCache<M>(
  make: (traced: Omit<TracedField<M>, 'made'>, request: FieldRequest) => M,
  retire: (made: M) => void = () => undefined,
): TraceCache<M> {
  const byFunction = new WeakMap<object, Latest<string, Entry<M>[]>>();
  const retireAll = (entries: readonly Entry<M>[]): void => {
    for (const { traced } of entries) retire(traced.made);
  };
  const recent: Entry<M>[] = [];
  return (request, variant) => {
    const shapes = request.y0.map((part) => [...part.shape]);
    // What is read for nothing has no port in f's program that would tell that it is a parameter.
    const key = JSON.stringify([
      variant,
      request.dtype,
      shapes,
      request.parameters.map(({ shape }) => shape),
    ]);
    const now = recordingFor(request);
    const entries = byFunction.get(request.key) ?? latest<string, Entry<M>[]>(SHAPES, retireAll);
    byFunction.set(request.key, entries);
    const own = entries.get(key) ?? [];
    entries.set(key, own);
    const known = own.find(({ traced }) => !difference(traced.forward, now.program));
    if (known) {
      moveToFront(own, known, OF_ONE);
      const others = known.hasMore ? recordGradient(request, shapes, now).others : now.others;
      return { traced: known.traced, others };
    }
    // Another than before: fine, where it stays that.
    if (own.length > 0) checkSteady(now.program, recordedNow(request).program);
    const { others, ...gradient } = recordGradient(request, shapes, now);
    const bare = { shapes, forward: now.program, ...gradient };
    const twin = recent.find((other) => other.key === key && sameTrace(other.traced, bare));
    const entry = twin ?? {
      key,
      traced: { ...bare, made: make(bare, request) },
      hasMore: others.length > now.others.length,
    };
    moveToFront(recent, entry, RECENT);
    retireAll(moveToFront(own, entry, OF_ONE));
    return { traced: entry.traced, others };
  };
}

/** Gives back what is left over. */
function moveToFront<T>(list: T[], item: T, most: number): T[] {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
  list.unshift(item);
  return list.splice(most);
}

type BareField = Omit<TracedField<unknown>, 'made'>;

function sameTrace(a: BareField, b: BareField): boolean {
  if (difference(a.forward, b.forward)) return false;
  const [one, other] = [a.gradientIfAny, b.gradientIfAny];
  return one && other ? !difference(one, other) : one === other;
}

interface RecordedGradient extends Pick<BareField, 'gradient' | 'gradientIfAny'> {
  /** What f and its gradient read, that of f first. */
  readonly others: readonly Tensor[];
}

/** Records the gradient now, while all that f reads is there. What has none is an error only when it is asked for. */
function recordGradient(
  { f, parameters, dtype }: FieldRequest,
  shapes: readonly (readonly number[])[],
  forward: Trace,
): RecordedGradient {
  try {
    const trace = traceGradient({ f, shapes, parameters, dtype });
    const others = [...new Set([...forward.others, ...trace.others])];
    const names = new Map(trace.others.map((x, i) => [`v${i}`, `v${others.indexOf(x)}`]));
    const program = withNames(trace.program, names);
    return { gradient: () => program, gradientIfAny: program, others };
  } catch (error) {
    const gradient = (): never => {
      throw error;
    };
    return { gradient, gradientIfAny: undefined, others: forward.others };
  }
}
