import { setTimeout as pause } from 'node:timers/promises';
import { median, quantile } from 'simple-statistics';

/** Does a piece of work so many times, and tells the milliseconds of all. */
export type Side = (times: number) => number | Promise<number>;

/** Milliseconds of work in a turn of one side, at least: with less, what the other left in the caches is measured. */
const TURN_MS = 100;
/** Between sides, so that threads which wait for work in a loop have gone to sleep. */
const PAUSE_MS = 20;

/**
 * Milliseconds of one piece of work, for each side a list over the turns. What a host gives to a virtual machine changes within
 * seconds, and so strikes all sides alike. Each turn begins with another side.
 */
export async function inTurns(
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

/** What two sides took: medians, and the other's time over ours, turn by turn: median and quartiles. */
export interface Ratio {
  readonly ms: number;
  readonly peerMs: number;
  readonly ratio: number;
  readonly ratioLow: number;
  readonly ratioHigh: number;
}

/** Compares two sides turn by turn. */
export function ratioOf(own: readonly number[], peer: readonly number[]): Ratio {
  const ratios = own.map((ms, turn) => peer[turn]! / ms);
  return {
    ms: median([...own]),
    peerMs: median([...peer]),
    ratio: median(ratios),
    ratioLow: quantile(ratios, 0.25),
    ratioHigh: quantile(ratios, 0.75),
  };
}
