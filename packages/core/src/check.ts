import { ArgumentError } from './errors.ts';
import { isFixed } from './pace.ts';
import type { Method, Problem } from './types.ts';

/** Refuses output times and step settings that make no sense, saying which and what would. */
export function checkProblem<A>({ ts, y0 }: Problem<A>, { stepping, maxSteps, maxBytes }: Method): void {
  if (y0.length === 0) throw new ArgumentError('y0 has no parts; give at least one array.');
  checkTimes(ts);
  const positive = (name: string, value: number | undefined): void => {
    if (value !== undefined && !(value > 0))
      throw new ArgumentError(`\`${name}\` must be positive, got ${value}.`);
  };
  positive('maxSteps', maxSteps);
  positive('maxBytes', maxBytes);
  if (isFixed(stepping)) {
    if ('stepSize' in stepping) positive('stepSize', stepping.stepSize);
    else if (!(Number.isInteger(stepping.numSteps) && stepping.numSteps > 0)) {
      throw new ArgumentError(
        `\`numSteps\` is the number of equal steps between neighbouring output times: a positive integer, not ` +
          `${stepping.numSteps}.`,
      );
    }
    return;
  }
  const { rtol, atol, firstStep, minStep, maxStep } = stepping;
  for (const [name, value] of Object.entries({ rtol, atol })) {
    if (!(value >= 0 && value < Infinity)) throw new ArgumentError(`\`${name}\` must be ≥ 0, got ${value}.`);
  }
  if (rtol === 0 && atol === 0)
    throw new ArgumentError('`rtol` and `atol` are both 0; no step could be accepted.');
  positive('firstStep', firstStep);
  positive('maxStep', maxStep);
  if (minStep !== undefined && !(minStep >= 0))
    throw new ArgumentError(`\`minStep\` must be ≥ 0, got ${minStep}.`);
}

/** Refuses output times that are not at least two, finite, and strictly monotone. */
export function checkTimes(ts: readonly number[]): void {
  if (ts.length < 2) {
    throw new ArgumentError(`\`ts\` needs at least two times, the start and one output, got ${ts.length}.`);
  }
  const direction = Math.sign(ts[1]! - ts[0]!);
  ts.forEach((t, i) => {
    if (!Number.isFinite(t)) throw new ArgumentError(`\`ts[${i}]\` is ${t}; times must be finite.`);
    if ((i > 0 && Math.sign(t - ts[i - 1]!) !== direction) || direction === 0) {
      throw new ArgumentError(
        `\`ts\` must be strictly increasing or strictly decreasing, but ts[${Math.max(0, i - 1)}] = ${ts[Math.max(0, i - 1)]!} ` +
          `and ts[${Math.max(1, i)}] = ${ts[Math.max(1, i)]!}. Sort the times and remove repeated ones.`,
      );
    }
  });
}
