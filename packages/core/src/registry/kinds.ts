import { describe } from '../arguments/describe.ts';
import { ArgumentError } from '../arguments/errors.ts';
import { hasMembers, type Rule } from '../arguments/options.ts';
import { isTableau } from '../solver/runge-kutta.ts';
import type { ButcherTableau } from '../types/tableau.ts';
import type { EngineProvider, GradientStrategy } from '../types/plugin.ts';
import type { Solver } from '../types/solver.ts';
import type { StepSizeController } from '../types/stepping.ts';

/** What can be looked up by name. */
export interface Registered {
  tableau: ButcherTableau;
  solver: Solver;
  gradient: GradientStrategy;
  controller: StepSizeController;
  engine: EngineProvider;
}

/** A kind of registered value. */
export type Kind = keyof Registered;

interface Description {
  readonly words: string;
  readonly holds: (value: unknown) => boolean;
}

const named = (value: unknown): boolean =>
  hasMembers(value, { name: 'string' }) && (value as EngineProvider).name.trim() !== '';

/** What a value of each kind has to have before anybody works with it. */
const DESCRIPTIONS: Readonly<Record<Kind, Description>> = {
  tableau: { words: 'a Butcher tableau { name, order, reference, a, b, c }', holds: isTableau },
  solver: {
    words: 'a solver { name, order, stages, step }',
    holds: (value) =>
      named(value) && hasMembers(value, { order: 'number', stages: 'number', step: 'function' }),
  },
  gradient: {
    words: 'a gradient strategy { name, exact, solve }',
    holds: (value) => named(value) && hasMembers(value, { exact: 'boolean', solve: 'function' }),
  },
  controller: {
    words: 'a step size controller { name, next }',
    holds: (value) => named(value) && hasMembers(value, { next: 'function' }),
  },
  engine: { words: 'an engine { name, … }', holds: named },
};

const KINDS: readonly Kind[] = Object.keys(DESCRIPTIONS) as Kind[];

/** The kinds of values that may stand where one is asked for; with `byName` a name of one may, too. */
export const ofKind =
  (kinds: readonly Kind[], byName = false): Rule =>
  (value) => {
    if (byName && typeof value === 'string') return undefined;
    if (kinds.some((kind) => DESCRIPTIONS[kind].holds(value))) return undefined;
    const wanted = [...(byName ? ['a name'] : []), ...kinds.map((kind) => DESCRIPTIONS[kind].words)];
    return `must be ${wanted.join(' or ')}, not ${describe(value)}${uncalled(value)}`;
  };

/** What to do with a function that stands where its result should. */
export function uncalled(value: unknown): string {
  if (typeof value !== 'function') return '';
  return value.name ? `. If it makes one, call it: ${value.name}()` : '. If it makes one, call it';
}

/** @throws {ArgumentError} unless `kind` is one. */
export function checkKind(kind: unknown): void {
  if (KINDS.includes(kind as Kind)) return;
  throw new ArgumentError(`\`kind\` must be one of '${KINDS.join("', '")}', not ${describe(kind)}.`);
}
