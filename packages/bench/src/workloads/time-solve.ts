import { forward, type GradientStrategy } from '@odegrad/core';
import type { EngineChoice } from '../engines.ts';
import { differentiateChain } from '../gradients/chain.ts';
import { medianMs, peakMemoryMb, resetPeakMemory, type Repetition } from '../measure.ts';
import { registry } from '../registry.ts';
import { checkRun, type CheckedRun } from './check.ts';
import { chainOf, methodOf, openWorkload } from './open.ts';
import type { Check, RunSpec, WorkloadSpec } from './spec.ts';
import { timeCalls, timed } from './time-calls.ts';

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
   * `gradMs` over what as many evaluations and pullbacks take when called one by one on this engine. Below 1 where whole
   * steps are faster than their parts.
   */
  readonly overhead: number;
  /** Largest resident memory of the process while gradients were taken, in MiB. */
  readonly peakMb: number;
  readonly check: Check;
}

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
    const forwardMs = medianMs(() => {
      forward.solve({ field: field!, y0: chain.y0, ts: chain.ts }, method).release();
    }, repetition);
    resetPeakMemory();
    const gradMs = medianMs(() => {
      differentiateChain(chain, strategy, method).release();
    }, repetition);
    const peakMb = peakMemoryMb();
    const { evaluateMs, vjpMs } = timeCalls(field!, chain.y0, repetition);
    return {
      workload: spec.name,
      engine: label,
      strategy: strategy.name,
      tableau: run.solver,
      steps,
      nfe,
      evaluations,
      pullbacks,
      forwardMs,
      gradMs,
      traceMs: open.prepareMs,
      loadMs: Math.max(0, firstMs - gradMs),
      overhead: gradMs / (evaluations * evaluateMs + pullbacks * (vjpMs - evaluateMs)),
      peakMb,
      check,
    };
  } finally {
    open.dispose();
  }
}
