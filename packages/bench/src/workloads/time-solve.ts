import { forward, type GradientStrategy } from '@odegrad/core';
import { median } from 'simple-statistics';
import type { EngineChoice } from '../engines.ts';
import { differentiateChain } from '../gradients/chain.ts';
import { byTurns, medianMs, peakMemoryMb, resetPeakMemory, timed, type Repetition } from '../measure.ts';
import { registry } from '../registry.ts';
import { checkRun, type CheckedRun } from './check.ts';
import { chainOf, methodOf, openWorkload } from './open.ts';
import type { Check, RunSpec, WorkloadSpec } from './spec.ts';
import { timeCalls } from './time-calls.ts';

/** What solving a workload costs, without a gradient and with one. */
export interface SolveTiming {
  readonly workload: string;
  readonly engine: string;
  readonly strategy: string;
  readonly tableau: string;
  /** Accepted steps and evaluations of one forward pass. */
  readonly steps: number;
  readonly nfe: number;
  /** Evaluations and pullbacks of one value and gradient. */
  readonly evaluations: number;
  readonly pullbacks: number;
  readonly forwardMs: number;
  readonly gradMs: number;
  /** What getting the field ready took, and what the first value and gradient took beyond the later ones. */
  readonly traceMs: number;
  readonly loadMs: number;
  /**
   * Time of a value and gradient over what as many evaluations and pullbacks take when called one by one right after it: the
   * median of these ratios. Below 1 where whole steps are faster than their parts.
   */
  readonly overhead: number;
  /** Largest resident memory of the process while it was timed, in MiB: that of gradients. */
  readonly peakMb: number;
  readonly check: Check;
}

/** Of each thing in a turn: so many that the first ones, which find other data in the caches, do not count. */
const SOLVES = { runs: 1, warmup: 0, ms: 100 };
/** `timeCalls` has a first call of its own. */
const CALLS = { runs: 3, warmup: 0, ms: 50 };

/** Times one run of a workload with one strategy. */
export function timeSolve(
  spec: WorkloadSpec,
  run: RunSpec,
  { engine, label }: EngineChoice,
  dtype: 'float32' | 'float64',
  strategy: GradientStrategy,
  repetition: Repetition,
): SolveTiming {
  const open = openWorkload(spec, engine, dtype);
  try {
    const chain = chainOf(open, run);
    const method = methodOf(run, registry);
    let first: CheckedRun | undefined;
    const firstMs = timed(() => {
      first = checkRun(chain, strategy, method);
    });
    const { check, nfe, steps, evaluations, pullbacks } = first!;
    const [field] = chain.fields;
    resetPeakMemory();
    const turns = byTurns(() => {
      const forwardMs = medianMs(() => {
        forward.solve({ field: field!, y0: chain.y0, ts: chain.ts }, method).release();
      }, SOLVES);
      const gradMs = medianMs(() => {
        differentiateChain(chain, strategy, method).release();
      }, SOLVES);
      const { evaluateMs, vjpMs } = timeCalls(field!, chain.y0, CALLS);
      const callsMs = evaluations * evaluateMs + pullbacks * (vjpMs - evaluateMs);
      return { forwardMs, gradMs, overhead: gradMs / callsMs };
    }, repetition);
    const peakMb = peakMemoryMb();
    const gradMs = median(turns.map((turn) => turn.gradMs));
    return {
      workload: spec.name,
      engine: label,
      strategy: strategy.name,
      tableau: run.solver,
      steps,
      nfe,
      evaluations,
      pullbacks,
      forwardMs: median(turns.map((turn) => turn.forwardMs)),
      gradMs,
      traceMs: open.prepareMs,
      loadMs: Math.max(0, firstMs - gradMs),
      overhead: median(turns.map((turn) => turn.overhead)),
      peakMb,
      check,
    };
  } finally {
    open.dispose();
  }
}
