import { createLedger } from '../memory/ledger.ts';
import { createMemory, type Memory } from '../memory/memory.ts';
import type { WholeSteps } from './footprint.ts';
import type { Segment, StepKernel } from '../types/kernel.ts';
import type { Linearization } from '../types/linearization.ts';
import type { Problem } from '../types/problem.ts';
import type { Span } from '../types/span.ts';
import type { State } from '../types/engine.ts';

/** Runs a third of these to warm up; then takes the median of the rest. */
const RUNS = 6;

const known = new WeakMap<object, Map<string, unknown>>();

/** What is found out once for each engine and key: budgets of one problem are to agree. */
export function calibrated<T>(engine: object, key: readonly unknown[], find: () => T): T {
  let found = known.get(engine);
  if (!found) known.set(engine, (found = new Map<string, unknown>()));
  const name = JSON.stringify(key);
  if (!found.has(name)) found.set(name, find());
  return found.get(name) as T;
}

/** What steps that an engine takes in one call hold, found out by one. */
export function wholeSteps<A>({ field, y0, ts }: Problem<A>, kernel: StepKernel<A>): WholeSteps {
  const memory = createMemory(field.engine, createLedger());
  const { alive, attempt } = kernel;
  return memory.scope(() => {
    const { bytes, stateBytes } = memory.scope(
      () => linearized(memory, kernel, firstSpan(ts), y0).linearization!,
    );
    const pulled = kernel.adjoint([firstSpan(ts)], [y0], y0);
    adoptCotangents(memory, pulled);
    return {
      alive,
      attempt: attempt !== undefined,
      linearization: bytes + stateBytes,
      adjoint: pulled.bytes + pulled.stateBytes,
    };
  });
}

/** How a step is taken. */
export interface Ways<A> {
  readonly stages: number;
  /** Whether attempts are taken stage by stage. */
  readonly adaptive: boolean;
  readonly kernel: StepKernel<A> | undefined;
}

/**
 * How long a step takes, forward and backward, with activations that are kept, over one whose activations are
 * made again in the backward pass. 0 for an engine that makes them again in no faster way.
 */
export function keepingRatio<A>(
  { field, y0, ts }: Problem<A>,
  { stages, adaptive, kernel }: Ways<A>,
): number {
  const { vjp } = field;
  const pullsBack = kernel?.alive === 'step';
  if (!pullsBack && !vjp) return 0;
  // The books of this ledger are thrown away: what is tried once must not tell a first solve from a second.
  const memory = createMemory(field.engine, createLedger());
  const span = firstSpan(ts);
  const eachStage = (work: () => void): void => {
    for (let i = 0; i < stages; i++) memory.scope(work);
  };
  const kept = medianTime(() => {
    if (kernel && !adaptive)
      memory.scope(() => {
        const { states, linearization } = linearized(memory, kernel, span, y0);
        adoptCotangents(memory, linearization!.pullback(states));
      });
    else
      eachStage(() => {
        pullBack(memory, field.linearize(span.t0, y0));
      });
  });
  const made = medianTime(() => {
    if (kernel && !adaptive)
      memory.scope(() => memory.adoptState(kernel.advance([span], y0, 'states').states[0]!));
    else eachStage(() => memory.adoptState(field.evaluate(span.t0, y0)));
    if (pullsBack)
      memory.scope(() => {
        adoptCotangents(memory, kernel.adjoint([span], [y0], y0));
      });
    else {
      eachStage(() => {
        const product = vjp!.call(field, span.t0, y0, y0, false);
        if (product.value) memory.adoptState(product.value);
        adoptCotangents(memory, product);
      });
    }
  });
  return kept / made;
}

const firstSpan = (ts: readonly number[]): Span => ({
  t0: ts[0]!,
  t1: ts.find((t) => t !== ts[0]) ?? ts[0]!,
});

function linearized<A>(memory: Memory<A>, kernel: StepKernel<A>, span: Span, y: State<A>): Segment<A> {
  const segment = kernel.advance([span], y, 'activations');
  segment.states.forEach(memory.adoptState);
  memory.adoptLinearization(segment.linearization!);
  return segment;
}

function pullBack<A>(memory: Memory<A>, made: Linearization<A>): void {
  const linearization = memory.adoptLinearization(made);
  adoptCotangents(memory, linearization.pullback(linearization.value, false));
}

function adoptCotangents<A>(
  memory: Memory<A>,
  { y, parameters }: { readonly y: State<A>; readonly parameters: State<A> },
): void {
  memory.adoptState(y);
  memory.adoptState(parameters);
}

function medianTime(work: () => void): number {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    work();
    if (run >= RUNS / 3) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}
