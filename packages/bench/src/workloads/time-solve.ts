import { forward, type GradientStrategy } from '@odegrad/core';
import type { EngineChoice } from '../engines.ts';
import { differentiateChain } from '../gradients/chain.ts';
import { medianMs, peakMemoryMb, resetPeakMemory, type Repetition } from '../measure.ts';
import { registry } from '../registry.ts';
import { checkRun } from './check.ts';
import { chainOf, methodOf, openWorkload } from './open.ts';
import type { Check, RunSpec, WorkloadSpec } from './spec.ts';

/** What solving a workload costs, without a gradient and with one. */
export interface SolveTiming {
  readonly workload: string;
  readonly engine: string;
  readonly strategy: string;
  readonly tableau: string;
  /** Accepted steps and evaluations of one forward pass. */
  readonly steps: number;
  readonly nfe: number;
  readonly forwardMs: number;
  readonly gradMs: number;
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
    const { check, nfe, steps } = checkRun(chain, strategy, method);
    const [field] = chain.fields;
    const forwardMs = medianMs(() => {
      forward.solve({ field: field!, y0: chain.y0, ts: chain.ts }, method).release();
    }, repetition);
    resetPeakMemory();
    const gradMs = medianMs(() => {
      differentiateChain(chain, strategy, method).release();
    }, repetition);
    return {
      workload: spec.name,
      engine: label,
      strategy: strategy.name,
      tableau: run.solver,
      steps,
      nfe,
      forwardMs,
      gradMs,
      peakMb: peakMemoryMb(),
      check,
    };
  } finally {
    open.dispose();
  }
}
