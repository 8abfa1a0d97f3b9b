import { ArgumentError } from '../arguments/errors.ts';
import { ofKind } from '../registry/kinds.ts';
import { createLedger } from '../memory/ledger.ts';
import {
  callable,
  check,
  checkOptions,
  countOf,
  finite,
  flag,
  hasMembers,
  notNegative,
  positive,
  valueThat,
  type Rule,
} from '../arguments/options.ts';
import { checkTolerances, TOLERANCE_RULES } from './check-tolerances.ts';
import { checkReadings } from './check-readings.ts';
import { checkTimes } from './check-times.ts';
import { isFixed, stepsIn, stepsOver } from '../stepping/pace.ts';
import type { Method, Problem } from '../types/problem.ts';
import type { AdaptiveStepping, FixedStepping } from '../types/stepping.ts';

/** The settings of a method, one by one. */
type MethodOption =
  'numSteps' | 'stepSize' | keyof AdaptiveStepping | Exclude<keyof Method, 'solver' | 'stepping'>;

/** What the settings of a method may be. */
export const METHOD_RULES: Readonly<Record<MethodOption, Rule>> = {
  numSteps: countOf('the number of equal steps between neighbouring output times'),
  stepSize: positive,
  ...TOLERANCE_RULES,
  controller: ofKind(['controller']),
  partition: valueThat("a list of 'q' and 'p'", (value) =>
    [value].flat().every((group) => group === 'q' || group === 'p'),
  ),
  firstStep: positive,
  minStep: notNegative,
  force: flag,
  maxStep: positive,
  maxSteps: positive,
  onFailure: valueThat("'throw' or 'return'", (value) => value === 'throw' || value === 'return'),
  maxBytes: positive,
  signal: valueThat(
    'an AbortSignal',
    (value) => hasMembers(value, { aborted: 'boolean' }),
    (value) => (hasMembers(value, { signal: 'object', abort: 'function' }) ? '. Give its `signal`' : ''),
  ),
  onStep: callable,
  ledger: valueThat('a ledger that createLedger() made', isLedger),
};

/** The settings of equal steps that fill each interval. */
export const STEPPING_RULES: Readonly<Record<'numSteps' | 'stepSize', Rule>> = {
  numSteps: METHOD_RULES.numSteps,
  stepSize: METHOD_RULES.stepSize,
};

/**
 * Refuses a problem and settings that make no sense, saying what is wrong and what would do. With `endless` the last time may be
 * infinite.
 */
export function checkProblem<A>(problem: Problem<A>, method: Method, endless = false): void {
  check('problem', problem, valueThat('{ field, y0, ts }', isObject));
  check('method', method, valueThat('{ solver, stepping, … }', isObject));
  const { field, y0, ts } = problem;
  check('field', field, valueThat('a vector field { engine, parameters, evaluate, linearize }', isField));
  check('y0', y0, valueThat('a list of arrays', Array.isArray));
  if (y0.length === 0) throw new ArgumentError('y0 has no parts; give at least one array.');
  checkTimes(ts, endless);
  const { solver, stepping, ...others } = method;
  check('solver', solver, ofKind(['solver']));
  if (problem.events?.length)
    throw new ArgumentError(
      'This gradient strategy goes back over whole steps, so it serves no events. Take an exact one, such as `symplectic`.',
    );
  checkReadings(problem, method);
  checkSettings(others);
  const { partition } = method;
  if (partition && partition.length !== y0.length)
    throw new ArgumentError(
      `\`partition\` has ${partition.length} entries; give one for each of ${y0.length} parts.`,
    );
  solver.checkField?.(field.engine, field, ts[0]!, y0);
  check(
    'stepping',
    stepping,
    valueThat('{ numSteps }, { stepSize } or { rtol, atol, controller }', isObject),
  );
  if (isFixed(stepping)) {
    checkFixed(stepping, ts);
    return;
  }
  checkSettings({ ...stepping });
  // These have no default here.
  check('controller', stepping.controller, METHOD_RULES.controller);
  checkTolerances(stepping, y0.length);
  checkSizes(stepping);
}

/** Refuses bounds of the step size that are at odds. */
function checkSizes({ firstStep, minStep = 0, maxStep = Infinity, force }: AdaptiveStepping): void {
  if (force && minStep === 0)
    throw new ArgumentError('`force` accepts steps of the size `minStep`; give that too.');
  if (minStep > maxStep)
    throw new ArgumentError(`\`minStep\` is ${minStep}, which is above \`maxStep\`, ${maxStep}.`);
  if (firstStep !== undefined && firstStep < minStep)
    throw new ArgumentError(`\`firstStep\` is ${firstStep}, which is below \`minStep\`, ${minStep}.`);
}

function checkSettings(settings: Readonly<Record<string, unknown>>): void {
  for (const [name, rule] of Object.entries<Rule>(METHOD_RULES)) {
    if (settings[name] !== undefined) check(name, settings[name], rule);
  }
}

/**
 * Steps of constant size that fill the interval from `ta` to `tb`; none where the two are the same.
 *
 * @throws {ArgumentError} for times and steppings that make no sense.
 */
export function stepsBetween(ta: number, tb: number, stepping: FixedStepping): number {
  check('ta', ta, finite);
  check('tb', tb, finite);
  checkOptions('stepsBetween', stepping, STEPPING_RULES);
  if (!isFixed(stepping)) throw new ArgumentError('`stepping` must have `numSteps` or `stepSize`.');
  checkFixed(stepping, [ta, tb]);
  return stepsIn(ta, tb, stepping);
}

function checkFixed(stepping: FixedStepping, ts: readonly number[]): void {
  const [name, value] =
    'numSteps' in stepping
      ? (['numSteps', stepping.numSteps] as const)
      : (['stepSize', stepping.stepSize] as const);
  check(name, value, STEPPING_RULES[name]);
  if (Math.abs(ts.at(-1)!) === Infinity) {
    checkEndless(stepping, ts[0]!);
    return;
  }
  const steps = stepsOver({ ts }, stepping);
  if (Number.isSafeInteger(steps)) return;
  throw new ArgumentError(`\`${name}\` is ${value}, which makes ${steps} steps; take fewer.`);
}

/** Refuses steps of constant size that get nowhere, however many. */
function checkEndless(stepping: FixedStepping, start: number): void {
  if ('numSteps' in stepping)
    throw new ArgumentError(
      '`numSteps` divides the way to an end, and there is none: give one, or `stepSize`.',
    );
  const { stepSize } = stepping;
  if (start + stepSize !== start && start - stepSize !== start) return;
  throw new ArgumentError(
    `\`stepSize\` is ${stepSize}, which is lost beside the start, t = ${start}. Take larger steps, or give times relative to ` +
      `the start.`,
  );
}

const isObject = (value: unknown): boolean => hasMembers(value, {});

const isField = (value: unknown): boolean =>
  hasMembers(value, { engine: 'object', parameters: 'object', evaluate: 'function', linearize: 'function' });

function isLedger(value: unknown): boolean {
  const types = Object.entries(createLedger()).map(([name, of]) => [name, typeof of]);
  return hasMembers(value, Object.fromEntries(types) as Record<string, string>);
}
