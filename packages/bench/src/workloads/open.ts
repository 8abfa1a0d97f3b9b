import type { FixedStepping, Method, Registry, State } from '@odegrad/core';
import { ArgumentError, suggest } from '@odegrad/core';
import type { FieldEngine, PreparedField } from '@odegrad/engine-tfjs';
import type { Chain } from '../gradients/chain.ts';
import { sumOfSquares } from '../gradients/compare.ts';
import { mulberry32 } from '../mulberry32.ts';
import { drawWorkload } from './draw.ts';
import { workloadField } from './fields.ts';
import { workloads, type RunSpec, type WorkloadSpec } from './spec.ts';

/** A workload prepared on an engine; `dispose` frees its tensors and arrays. */
export interface OpenWorkload<A> {
  readonly prepared: PreparedField<A>;
  readonly y0: State<A>;
  /** Milliseconds that the engine took to get the field ready. */
  readonly prepareMs: number;
  dispose(): void;
}

/** A workload by the name of its field (`spiral`) or its number (`W1`). */
export function findWorkload(name: string): WorkloadSpec {
  const found = own(workloads, name) ?? Object.values(workloads).find((spec) => spec.name === name);
  if (found) return found;
  const known = Object.values(workloads).map((spec) => spec.name);
  throw new ArgumentError(
    `No workload '${name}'.${suggest(name, known)} There are: ${known.join(', ')}, or ${Object.keys(workloads).join(', ')}.`,
  );
}

/** What a record holds by itself: `constructor` is no workload. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** A run of a workload by its name; without one, the first. */
export function findRun(spec: WorkloadSpec, name: string | undefined): RunSpec {
  const known = Object.keys(spec.runs);
  const found = own(spec.runs, name ?? known[0]!);
  if (found) return found;
  throw new ArgumentError(
    `Workload '${spec.name}' has no run '${name!}'.${suggest(name!, known)} It has: ${known.join(', ')}.`,
  );
}

/** Draws a workload's numbers and gets its field ready on `engine`. */
export function openWorkload<A>(
  spec: WorkloadSpec,
  engine: FieldEngine<A>,
  dtype: 'float32' | 'float64' = 'float32',
): OpenWorkload<A> {
  const field = workloadField(spec.name, drawWorkload(spec), spec.dx);
  const { f, y0, parameters } = field;
  try {
    const start = performance.now();
    const prepared = engine.prepare({ f, key: f, t0: 0, y0, parameters, dtype });
    const prepareMs = performance.now() - start;
    const state = y0.map((x) => prepared.fromTensor(x));
    return {
      prepared,
      y0: state,
      prepareMs,
      dispose() {
        for (const x of state) prepared.field.engine.release(x);
        field.dispose();
      },
    };
  } catch (error) {
    field.dispose();
    throw error;
  }
}

/** The times at which a run's states are asked for. */
export function outputTimes({ t0, t1, outputs = 2, times_seed: seed }: RunSpec): number[] {
  const length = outputs - 2;
  const next = seed === undefined ? undefined : mulberry32(seed);
  const between = Array.from({ length }, (_, i) => (next ? next() : (i + 1) / (outputs - 1)));
  return [t0, ...between.sort((a, b) => a - b).map((u) => t0 + (t1 - t0) * u), t1];
}

/** The chain of one component that a run differentiates. */
export function chainOf<A>({ prepared, y0 }: OpenWorkload<A>, run: RunSpec): Chain<A> {
  return {
    fields: [prepared.field],
    y0,
    ts: outputTimes(run),
    loss: (ys) => sumOfSquares(prepared.field.engine, ys, run.loss),
  };
}

/** How a run is to be solved. */
export function methodOf(run: RunSpec, registry: Registry): Method {
  const solver = registry.get('solver', run.solver);
  if (run.mode === 'fixed') return { solver, stepping: { numSteps: run.steps! } satisfies FixedStepping };
  const { rtol, atol } = run;
  return {
    solver,
    stepping: { rtol: rtol!, atol: atol!, controller: registry.get('controller', 'pi') },
  };
}
