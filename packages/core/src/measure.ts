import { bookTransient } from './ledger.ts';
import type { Memory } from './memory.ts';
import type { Measurement } from './retention.ts';
import type { Problem } from './types.ts';

/** Runs a third of these, at least one, to warm up; then takes the medians of the rest. */
const RUNS = 6;

/** Tries the vector field at the start of the problem: bytes once, times only where they can matter. */
export function measure<A>({ field, y0, ts }: Problem<A>, memory: Memory<A>): Measurement {
  const t = ts[0]!;
  const linearize = (): number =>
    memory.scope(() => {
      const linearization = memory.adoptLinearization(field.linearize(t, y0));
      const { y, parameters } = linearization.pullback(linearization.value, false);
      memory.adoptState([...y, ...parameters]);
      return linearization.bytes;
    });
  const activationBytes = linearize();
  const { vjp } = field;
  // Without a faster way to evaluate and pull back in one go, what is kept need not be made again.
  if (!vjp) return { activationBytes, keepingRatio: 0 };
  const evaluateAndVjp = (): void => {
    memory.scope(() => {
      const slope = memory.adoptState(field.evaluate(t, y0));
      const { value, y, parameters, bytes } = vjp.call(field, t, y0, slope, false);
      memory.adoptState([...value, ...y, ...parameters]);
      bookTransient(memory.ledger, bytes);
    });
  };
  return { activationBytes, keepingRatio: medianTime(linearize) / medianTime(evaluateAndVjp) };
}

function medianTime(work: () => unknown): number {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    work();
    if (run >= RUNS / 3) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}
