import type { GradientStrategy } from '@odegrad/core';
import type { OdeOptions } from '@odegrad/engine-tfjs';
import * as tf from '@tensorflow/tfjs';
import type { EngineChoice } from '../engines.ts';
import { timed } from '../measure.ts';
import type { Evaluations, Peer } from '../peer.ts';
import { accuracyOf, referenceOf, resultsOf, type Accuracy, type Results } from './accuracy.ts';
import { callForward, callRun, checkCalled, optionsOf } from './call.ts';
import { disagreement } from './check.ts';
import { drawWorkload } from './draw.ts';
import { workloadField, type WorkloadField } from './fields.ts';
import { inTurns, ratioOf, type Ratio, type Side } from './in-turns.ts';
import type { Check, RunSpec, WorkloadSpec } from './spec.ts';

/** A value and gradient beside a peer's, both measured by turns. */
export interface AgainstTiming {
  readonly workload: string;
  readonly engine: string;
  readonly strategy: string;
  readonly peer: string;
  readonly turns: number;
  /** Medians over the turns. */
  readonly gradMs: number;
  readonly peerMs: number;
  /** The peer's time over ours, turn by turn: median and quartiles. */
  readonly ratio: number;
  readonly ratioLow: number;
  readonly ratioHigh: number;
  /** The same of a solve without a gradient, where the peer does that; the strategy is no part of it. */
  readonly forward?: Ratio;
  /** What the first value and gradient took, compiling f included where another strategy had not done that. */
  readonly firstMs: number;
  readonly evaluations: Evaluations;
  /** Of an adaptive run: how far it is from the equation. */
  readonly accuracy?: Accuracy;
  /** Those of the peer, where it tells. */
  readonly peerFirstMs?: number;
  readonly peerEvaluations?: Evaluations;
  readonly peerAccuracy?: Accuracy;
  readonly check: Check;
}

/** What the first value and gradient gives. */
interface Called extends Pick<AgainstTiming, 'firstMs' | 'check' | 'evaluations'> {
  readonly results: Results;
}

/**
 * Times a run, called as by a program that trains, by turns with a peer that solves the same.
 *
 * @throws if the peer's check is another.
 */
export async function timeAgainst(
  spec: WorkloadSpec,
  run: RunSpec,
  { engine, label }: EngineChoice,
  strategies: readonly GradientStrategy[],
  peer: Peer,
  turns: number,
  onTurn: (turn: number) => void,
): Promise<AgainstTiming[]> {
  const field = workloadField(spec.name, drawWorkload(spec), spec.dx);
  try {
    const options = strategies.map((strategy) => optionsOf(run, engine, strategy));
    const called = options.map((chosen) => {
      const first = firstCall(field, run, chosen);
      compare(first.check, peer, run);
      return first;
    });
    // With constant steps both take the same ones, and the check says that they do.
    const reference = run.mode === 'adaptive' ? referenceOf(field, run) : undefined;
    const gradients = options.map((chosen) =>
      repeated(() => {
        callRun(field, run, chosen).dispose();
      }),
    );
    const forward = repeated(() => {
      tf.dispose([...callForward(field, run, options[0]!)]);
    });
    const sides: readonly Side[] = [(times) => peer.run(times), ...gradients];
    const solves: readonly Side[] = peer.forward ? [(times) => peer.run(times, 'forward'), forward] : [];
    const ms = await inTurns([...sides, ...solves], turns, onTurn);
    const [peerMs, ...ownMs] = ms.slice(0, sides.length) as [number[], ...number[][]];
    const [peerForwardMs, forwardMs] = ms.slice(sides.length);
    const shared = {
      workload: spec.name,
      engine: label,
      peer: peer.name,
      turns,
      ...(peerForwardMs && forwardMs && { forward: ratioOf(forwardMs, peerForwardMs) }),
      ...(peer.first_ms && { peerFirstMs: peer.first_ms }),
      ...(peer.evaluations && { peerEvaluations: peer.evaluations }),
      ...(peer.results && reference && { peerAccuracy: accuracyOf(peer.results, reference) }),
    };
    return strategies.map((strategy, i) => {
      const { ms: gradMs, ...ratio } = ratioOf(ownMs[i]!, peerMs);
      const { results, ...first } = called[i]!;
      const accuracy = reference && { accuracy: accuracyOf(results, reference) };
      return { ...shared, strategy: strategy.name, gradMs, ...ratio, ...first, ...accuracy };
    });
  } finally {
    field.dispose();
  }
}

/** A side that does one thing again and again. */
function repeated(work: () => void): Side {
  return (times) =>
    timed(() => {
      for (let i = 0; i < times; i++) work();
    });
}

function firstCall(field: WorkloadField, run: RunSpec, options: OdeOptions): Called {
  const start = performance.now();
  const called = callRun(field, run, options);
  const firstMs = performance.now() - start;
  try {
    const { evaluationsForward: forward, evaluationsBackward: backward, pullbacks } = called.stats;
    return {
      firstMs,
      check: checkCalled(called),
      evaluations: { forward, backward, pullbacks },
      results: resultsOf(called, field),
    };
  } finally {
    called.dispose();
  }
}

function compare(check: Check, peer: Peer, run: RunSpec): void {
  // The same steps give the same loss to rounding. The gradient may be that of the continuous problem; and adaptive
  // solvers choose other steps, and are as near to each other as to the solution.
  const adaptive = 100 * (run.rtol ?? 0);
  const [value, gradient] = run.mode === 'fixed' ? [1e-5, 1e-3] : [adaptive, adaptive];
  const name = disagreement(check, peer.check, {
    loss: value,
    gnorm_y0: gradient,
    gnorm_params: gradient,
  });
  if (name === undefined) return;
  throw new Error(
    `'${peer.name}' solves something else: its ${name} is ${peer.check[name]}, here it is ${check[name]}. ` +
      'Start it with the same workload and run.',
  );
}
