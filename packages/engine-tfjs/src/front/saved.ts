import { ArgumentError, suggest, valueThat, type Method, type Rule } from '@odegrad/core';
import type { OdeOptions } from './options.ts';
import type { RaggedTimes } from './ragged-times.ts';

/** Where states are wanted. */
type SaveAt = 'ts' | 'steps' | 'end';

const PLACES: readonly SaveAt[] = ['ts', 'steps', 'end'];

/** The rule of the option `saveAt`. */
export const saveAtRule: Rule = valueThat(
  "'ts', 'steps' or 'end'",
  (value) => PLACES.includes(value as SaveAt),
  (value) => {
    const near = typeof value === 'string' ? suggest(value, PLACES) : '';
    return near && ` (d${near.slice(2)})`;
  },
);

/** What is saved of a solve. */
export interface Saved {
  readonly saveAt: SaveAt;
  readonly dense: boolean;
}

export const savedOf = ({ saveAt = 'ts', dense = false }: Pick<OdeOptions, 'saveAt' | 'dense'>): Saved => ({
  saveAt,
  dense,
});

/** @throws {ArgumentError} for what cannot be read at times by row. */
export function checkRagged(
  { saveAt, dense }: Saved,
  outputs: OdeOptions['outputs'],
  ragged: RaggedTimes | undefined,
): void {
  if (!ragged) return;
  const refuse = (option: string, why: string): never => {
    throw new ArgumentError(
      `\`ts\` has times by row, and ${option} ${why}. Leave \`${option.split(':')[0]!.replaceAll('`', '')}\` out, or give \`ts\` as one list of times.`,
    );
  };
  if (saveAt !== 'ts') refuse(`saveAt: '${saveAt}'`, 'gives the states of all rows at the same times');
  if (dense) refuse('dense: true', 'reads all rows at the same times');
  if (outputs === 'land') refuse("outputs: 'land'", 'would have every row land on the times of all');
}

/** @throws {ArgumentError} for what `odeint`, which returns states alone, has no place for. */
export function checkStatesAlone(
  { saveAt, dense }: Saved,
  events: readonly unknown[] = [],
  onFailure: Method['onFailure'] = 'throw',
): void {
  if (onFailure === 'return')
    throw new ArgumentError(
      "`onFailure: 'return'` gives more than states, which is all that odeint returns. Take solve(…), whose solution says where it stopped.",
    );
  if (events.length > 0)
    throw new ArgumentError(
      '`events` give more than states, which is all that odeint returns. Take solve(…), whose solution has `events`.',
    );
  const option = dense ? 'dense: true' : saveAt === 'steps' ? "saveAt: 'steps'" : undefined;
  if (option === undefined) return;
  throw new ArgumentError(
    `\`${option}\` gives more than states, which is all that odeint returns. Take solve(…), whose solution has ` +
      `${dense ? '`at` and `rate`' : 'the times of its steps, `ts`'}.`,
  );
}
