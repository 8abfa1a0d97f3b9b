import type { Registry } from '@odegrad/core';
import type { EngineChoice } from '../engines.ts';
import type { Repetition } from '../measure.ts';
import { checkRun } from './check.ts';
import { chainOf, methodOf, openWorkload } from './open.ts';
import type { Check, WorkloadSpec } from './spec.ts';
import { timeCalls } from './time-calls.ts';

/** What one evaluation and one vector–Jacobian product cost on an engine. */
export interface FieldTiming {
  readonly workload: string;
  readonly engine: string;
  readonly dtype: string;
  readonly evaluateUs: number;
  readonly vjpUs: number;
  /** What getting the field ready took. */
  readonly traceMs: number;
  /** What the first evaluation and VJP took beyond the later ones. */
  readonly loadMs: number;
  /** Loss and gradients of the workload's first run. */
  readonly check: Check;
}

/** Times the field of a workload at its initial state. */
export function timeField(
  spec: WorkloadSpec,
  { engine, label }: EngineChoice,
  dtype: 'float32' | 'float64',
  repetition: Repetition,
  registry: Registry,
): FieldTiming {
  const open = openWorkload(spec, engine, dtype);
  try {
    const { y0, prepared, prepareMs } = open;
    const { evaluateMs, vjpMs, loadMs } = timeCalls(prepared.field, y0, repetition);
    const [run] = Object.values(spec.runs);
    return {
      workload: spec.name,
      engine: label,
      dtype,
      evaluateUs: 1000 * evaluateMs,
      vjpUs: 1000 * vjpMs,
      traceMs: prepareMs,
      loadMs,
      check: checkRun(chainOf(open, run!), registry.get('gradient', 'symplectic'), methodOf(run!, registry))
        .check,
    };
  } finally {
    open.dispose();
  }
}
