import { createLedger } from './ledger.ts';
import { createMemory, type Memory } from './memory.ts';
import type { FusedStep, Linearization, Problem, Span, State } from './types.ts';

/** Runs a third of these to warm up; then takes the median of the rest. */
const RUNS = 6;

/** Steps that an engine linearizes and pulls back in one call. */
export type WholeSteps<A> = Required<FusedStep<A>>;

const known = new WeakMap<object, Map<string, number>>();

/** A number that is found out once for each engine and key: budgets of one problem are to agree. */
export function calibrated(engine: object, key: readonly unknown[], find: () => number): number {
  let numbers = known.get(engine);
  if (!numbers) known.set(engine, (numbers = new Map<string, number>()));
  const name = JSON.stringify(key);
  let value = numbers.get(name);
  if (value === undefined) numbers.set(name, (value = find()));
  return value;
}

/** Bytes of a whole step's linearization. */
export function wholeStepBytes<A>({ field, y0, ts }: Problem<A>, { linearize }: WholeSteps<A>): number {
  const memory = createMemory(field.engine, createLedger());
  return memory.scope(() => {
    const { bytes, stateBytes = 0 } = memory.adoptLinearization(linearize(firstSpan(ts), y0));
    return bytes + stateBytes;
  });
}

/**
 * How long pulling back with kept activations takes, making them included, over evaluating now and making them
 * again later: of f, or of whole steps. 0 for an engine that has no faster way than to make them again.
 */
export function keepingRatio<A>({ field, y0, ts }: Problem<A>, whole: WholeSteps<A> | undefined): number {
  // The books of this ledger are thrown away: what is tried once must not tell a first solve from a second.
  const memory = createMemory(field.engine, createLedger());
  const span = firstSpan(ts);
  if (whole) {
    const kept = medianTime(memory, () => pulledBack(memory, whole.linearize(span, y0)));
    const made = medianTime(memory, () => {
      const y1 = memory.adoptState(whole.advance(span, y0));
      adoptCotangents(memory, whole.adjoint(span, y0, y1));
    });
    return kept / made;
  }
  if (!field.vjp) return 0;
  const kept = medianTime(memory, () => pulledBack(memory, field.linearize(span.t0, y0)));
  const made = medianTime(memory, () => {
    const slope = memory.adoptState(field.evaluate(span.t0, y0));
    const product = field.vjp!(span.t0, y0, slope, false);
    memory.adoptState(product.value);
    adoptCotangents(memory, product);
  });
  return kept / made;
}

const firstSpan = (ts: readonly number[]): Span => ({ t0: ts[0]!, t1: ts[1]! });

function pulledBack<A>(memory: Memory<A>, made: Linearization<A>): void {
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

function medianTime<A>(memory: Memory<A>, work: () => void): number {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    memory.scope(work);
    if (run >= RUNS / 3) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}
