import { createLedger, forward } from '@odegrad/core';
import { openEngine } from '../engines.ts';
import { differentiateChain, type Chain } from '../gradients/chain.ts';
import { peakMemoryMb, resetPeakMemory } from '../measure.ts';
import { registry } from '../registry.ts';
import { chainOf, findWorkload, methodOf, openWorkload } from '../workloads/open.ts';

/** Several solves that follow one another, of a workload's field with weights of their own. */
export interface ResidentTask {
  readonly kind: 'resident';
  readonly workload: string;
  readonly components: number;
  /** A gradient, or `forward` for solves without one. */
  readonly strategy: string;
  readonly engine: string;
}

/** What a process that did nothing else took. */
export interface Resident {
  /** The largest resident memory, in bytes. */
  readonly residentBytes: number;
  /** The most that the ledger counted. */
  readonly ledgerBytes: number;
  readonly ms: number;
}

/** The second solve finds what the first one left. */
const SOLVES = 2;

/** Solves as the task says, in this process. */
export async function measureResident({
  workload,
  components,
  strategy,
  engine,
}: ResidentTask): Promise<Resident> {
  const choice = await openEngine(engine, registry);
  const spec = findWorkload(workload);
  const [run] = Object.values(spec.runs);
  const opened = Array.from({ length: components }, (_, i) =>
    openWorkload({ ...spec, seed: spec.seed + i }, choice.engine),
  );
  const chain: Chain<unknown> = {
    ...chainOf(opened[0]!, run!),
    fields: opened.map(({ prepared }) => prepared.field),
  };
  const method = methodOf(run!, registry);
  const solve = (): number => {
    if (strategy === 'forward') return solveForward(chain, method);
    const gradient = differentiateChain(chain, registry.get('gradient', strategy), method);
    gradient.release();
    return gradient.ledger.bytesPeak;
  };
  return watched(solve);
}

/** Does work that says what the ledger counted, and watches the process. */
export function watched(work: () => number): Resident {
  resetPeakMemory();
  let [ledgerBytes, ms] = [0, 0];
  for (let i = 0; i < SOLVES; i++) {
    const start = performance.now();
    ledgerBytes = work();
    ms = performance.now() - start;
  }
  return { residentBytes: peakMemoryMb() * 2 ** 20, ledgerBytes, ms };
}

/** Solves without a gradient; the peak of its ledger. */
export function solveForward(
  { fields, y0, ts }: Chain<unknown>,
  method: Parameters<typeof forward.solve>[1],
): number {
  const ledger = createLedger();
  let y = y0;
  const releases = fields.map((field) => {
    const solution = forward.solve({ field, y0: y, ts }, { ...method, ledger });
    y = solution.ys.at(-1)!;
    return solution.release;
  });
  for (const release of releases) release();
  return ledger.bytesPeak;
}
