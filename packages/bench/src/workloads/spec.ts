import { readFileSync } from 'node:fs';

/** Shape of one array of a workload, and how its numbers are drawn. */
export interface ArraySpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init?: 'uniform' | 'sign' | 'zeros';
  readonly bound?: number;
  readonly fan_in?: number;
}

/** One way of solving a workload. */
export interface RunSpec {
  readonly solver: string;
  readonly mode: 'fixed' | 'adaptive';
  readonly t0: number;
  readonly t1: number;
  readonly steps?: number;
  readonly rtol?: number;
  readonly atol?: number;
  /** Output times, those at t0 and t1 among them: 2 by default. */
  readonly outputs?: number;
  /** With it the times between t0 and t1 are drawn; evenly spaced otherwise. */
  readonly times_seed?: number;
  /** Which outputs the loss takes, by default the last. */
  readonly loss?: 'last' | 'all';
}

/** A vector field, its numbers, and the runs that are timed with it. */
export interface WorkloadSpec {
  readonly name: string;
  readonly seed: number;
  readonly dx?: number;
  readonly params: readonly ArraySpec[];
  readonly y0: readonly ArraySpec[];
  readonly consts: readonly ArraySpec[];
  readonly runs: Readonly<Record<string, RunSpec>>;
}

/** What two implementations are compared by: the loss, and 2-norms of its gradients. */
export interface Check {
  readonly loss: number;
  readonly gnorm_y0: number;
  readonly gnorm_params: number;
}

// The folder that this is read from exists beside the sources and beside what is built of them.
const read = <T>(file: string): T =>
  JSON.parse(readFileSync(new URL(`../../src/workloads/${file}`, import.meta.url), 'utf8')) as T;

/** The workloads W1 to W6, by that name. */
export const workloads: Readonly<Record<string, WorkloadSpec>> = read<{
  workloads: Record<string, WorkloadSpec>;
}>('workloads.json').workloads;

/** Their names, as the help of options tells them. */
export const workloadNames: string = [
  Object.values(workloads)
    .map(({ name }) => name)
    .join(', '),
  `(or ${Object.keys(workloads).join(', ')})`,
].join(' ');

/** What other libraries give for the fixed-step runs, and what W6's equation has, by the run's name. */
export const expected: Readonly<Record<string, Check>> = read('expected.json');
