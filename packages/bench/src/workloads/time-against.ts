import { setTimeout as pause } from 'node:timers/promises';
import type { GradientStrategy } from '@odegrad/core';
import { median, quantile } from 'simple-statistics';
import type { EngineChoice } from '../engines.ts';
import { timed } from '../measure.ts';
import type { Peer } from '../peer.ts';
import { callRun, checkCalled, optionsOf } from './call.ts';
import { disagreement } from './check.ts';
import { drawWorkload } from './draw.ts';
import { workloadField } from './fields.ts';
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
  readonly check: Check;
}

/** Milliseconds of work in a turn of one side, at least: with less, what the other left in the caches is measured. */
const TURN_MS = 100;
/** Between sides, so that threads which wait for work in a loop have gone to sleep. */
const PAUSE_MS = 20;

/** Does a piece of work so many times, and tells the milliseconds of all. */
type Side = (times: number) => number | Promise<number>;

/**
 * Times a run, called as by a program that trains, by turns with a peer that solves the same: what a host gives to a virtual
 * machine changes within seconds, and so strikes both alike. Each turn begins with another side.
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
    const calls = strategies.map((strategy) => {
      const options = optionsOf(run, engine, strategy);
      return () => callRun(field, run, options);
    });
    const checks = calls.map((call) => {
      const called = call();
      const check = checkCalled(called);
      called.dispose();
      compare(check, peer, run);
      return check;
    });
    const ours = calls.map(
      (call): Side =>
        (times) =>
          timed(() => {
            for (let i = 0; i < times; i++) call().dispose();
          }),
    );
    const theirs: Side = (times) => peer.run(times);
    const [peerMs, ...ownMs] = (await inTurns([theirs, ...ours], turns, onTurn)) as [number[], ...number[][]];
    return strategies.map((strategy, i) => {
      const ms = ownMs[i]!;
      const ratios = ms.map((own, turn) => peerMs[turn]! / own);
      return {
        workload: spec.name,
        engine: label,
        strategy: strategy.name,
        peer: peer.name,
        turns,
        gradMs: median(ms),
        peerMs: median(peerMs),
        ratio: median(ratios),
        ratioLow: quantile(ratios, 0.25),
        ratioHigh: quantile(ratios, 0.75),
        check: checks[i]!,
      };
    });
  } finally {
    field.dispose();
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

/** Milliseconds of one piece of work, for each side a list over the turns. */
async function inTurns(
  sides: readonly Side[],
  turns: number,
  onTurn: (turn: number) => void,
): Promise<number[][]> {
  const times: number[] = [];
  for (const side of sides) {
    await side(1);
    times.push(Math.max(1, Math.ceil(TURN_MS / (await side(1)))));
  }
  const ms: number[][] = sides.map(() => []);
  for (let turn = 0; turn < turns; turn++) {
    for (let k = 0; k < sides.length; k++) {
      const i = (turn + k) % sides.length;
      await pause(PAUSE_MS);
      ms[i]!.push((await sides[i]!(times[i]!)) / times[i]!);
    }
    onTurn(turn + 1);
  }
  return ms;
}
