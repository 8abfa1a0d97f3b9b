import { describe } from './describe.ts';
import { ArgumentError } from './errors.ts';
import { suggest } from './suggest.ts';

/** What is wrong with a value, as the rest of a sentence that begins with its name; undefined where nothing is. */
export type Rule = (value: unknown) => string | undefined;

/** Options by name, and what each may be. */
export type Rules = Readonly<Record<string, Rule>>;

/** A rule for numbers; `must` says which ones hold. */
export const numberThat =
  (must: string, holds: (x: number) => boolean): Rule =>
  (value) => {
    if (typeof value !== 'number') return `must be a number, not ${describe(value)}`;
    return holds(value) ? undefined : `must be ${must}, not ${value}`;
  };

export const positive: Rule = numberThat('positive', (x) => x > 0);

/** Zero or more, and finite. */
export const notNegative: Rule = numberThat('≥ 0', (x) => x >= 0 && x < Infinity);

export const finite: Rule = numberThat('finite', Number.isFinite);

/** A rule for positive integers; `what` says what is counted. */
export const countOf =
  (what: string): Rule =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) > 0
      ? undefined
      : `is ${what}: a positive integer, not ${describe(value)}`;

/** A rule for all else; `must` says what holds, `remedy` what to do about a value that does not. */
export const valueThat =
  (must: string, holds: (value: unknown) => boolean, remedy: (value: unknown) => string = () => ''): Rule =>
  (value) =>
    holds(value) ? undefined : `must be ${must}, not ${describe(value)}${remedy(value)}`;

export const text: Rule = valueThat('a text', (value) => typeof value === 'string' && value !== '');

export const flag: Rule = valueThat('true or false', (value) => typeof value === 'boolean');

export const callable: Rule = valueThat('a function', (value) => typeof value === 'function');

/** Whether a value is an object and has these methods, or members of another type. */
export function hasMembers(value: unknown, members: Readonly<Record<string, string>>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const object = value as Readonly<Record<string, unknown>>;
  return Object.entries(members).every(([name, type]) => typeof object[name] === type);
}

/**
 * Holds a value to a rule.
 *
 * @throws {ArgumentError} that names it.
 */
export function check(name: string, value: unknown, rule: Rule): void {
  const complaint = rule(value);
  if (complaint !== undefined) throw new ArgumentError(`\`${name}\` ${complaint}.`);
}

/**
 * Holds the options of a function, called `of` in messages, to its rules. Options that are undefined are absent.
 *
 * @throws {ArgumentError} that says which option is wrong or unknown, and what would be right.
 */
export function checkOptions(of: string, options: unknown, rules: Rules): void {
  const names = namesIn(options);
  if (!names) {
    throw new ArgumentError(
      `The options of ${of} must be an object such as { ${Object.keys(rules)[0]!}: … }, not ${describe(options)}.`,
    );
  }
  const known = Object.keys(rules);
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new ArgumentError(
      `There is no option \`${name}\`.${suggest(name, known)} Options of ${of}: ${known.join(', ')}.`,
    );
  }
  for (const [name, rule] of Object.entries(rules)) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) check(name, value, rule);
  }
}

/** The names in an object of options, inherited ones too; undefined for what is no such object. */
function namesIn(options: unknown): readonly string[] | undefined {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return undefined;
  const names: string[] = [];
  for (const name in options) names.push(name);
  // A Map, a promise or a date has no names, and options in it would go unseen.
  const prototype: unknown = Object.getPrototypeOf(options);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return names.length > 0 || isPlain ? names : undefined;
}
