import { describe } from '../arguments/describe.ts';
import { ArgumentError, RegistryError } from '../arguments/errors.ts';
import { ofKind, uncalled, type Kind, type Registered } from './kinds.ts';
import { hasMembers, text, valueThat } from '../arguments/options.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import { suggest } from '../arguments/suggest.ts';
import { verifyTableau } from '../solver/verify-tableau.ts';
import { type ButcherTableau } from '../types/tableau.ts';
import type { Plugin } from '../types/plugin.ts';
import type { Solver } from '../types/solver.ts';

/** The lists of a plugin, and what is in them. */
const LISTS = {
  tableaux: 'tableau',
  solvers: 'solver',
  gradients: 'gradient',
  controllers: 'controller',
  engines: 'engine',
} satisfies Record<Exclude<keyof Plugin, 'name'>, Kind>;

const LIST = valueThat('a list', Array.isArray);

/** One value that a plugin brings. */
export type Entry = { [K in Kind]: readonly [K, Registered[K]] }[Kind];

/**
 * Holds a plugin to what it says that it is.
 *
 * @throws {ArgumentError} if it is none, or something in it is not of its kind.
 * @throws {TableauError} if a tableau does not satisfy what it claims.
 * @throws {RegistryError} if it brings two values of one kind under one name.
 */
export function checkPlugin(plugin: Plugin): void {
  if (!hasMembers(plugin, {}) || Array.isArray(plugin)) {
    throw new ArgumentError(
      `A plugin must be an object { name, ${Object.keys(LISTS).join(', ')} }, not ${describe(plugin)}${uncalled(plugin)}.`,
    );
  }
  checkNames(plugin);
  const { name } = plugin;
  const complaint = text(name);
  if (complaint) throw new ArgumentError(`The \`name\` of a plugin ${complaint}.`);
  for (const [list, kind] of Object.entries(LISTS)) {
    const values: unknown = plugin[list as keyof typeof LISTS];
    if (values === undefined) continue;
    const refuse = (what: string, complaint: string | undefined): void => {
      if (complaint) throw new ArgumentError(`Plugin '${name}': \`${what}\` ${complaint}.`);
    };
    refuse(list, LIST(values));
    (values as readonly unknown[]).forEach((value, i) => {
      // Of a tableau `verifyTableau` says more.
      if (kind !== 'tableau') refuse(`${list}[${i}]`, ofKind([kind])(value));
    });
  }
  plugin.tableaux?.forEach(verifyTableau);
  checkDistinct(plugin);
}

function checkNames(plugin: Plugin): void {
  const known = ['name', ...Object.keys(LISTS)];
  const unknown = Object.keys(plugin).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new ArgumentError(
    'default' in plugin
      ? 'This is a module, not a plugin: register its default export.'
      : `A plugin brings no \`${unknown}\`.${suggest(unknown, known)} It may have: ${known.join(', ')}.`,
  );
}

function checkDistinct(plugin: Plugin): void {
  const seen = new Map<string, unknown>();
  for (const [kind, value] of contents(plugin)) {
    const key = `${kind}:${value.name}`;
    if (seen.has(key) && seen.get(key) !== value) {
      throw new RegistryError(
        `Plugin '${plugin.name}' brings two values as ${kind} '${value.name}'. Rename or leave out one of them.`,
      );
    }
    seen.set(key, value);
  }
}

const solversOf = new WeakMap<ButcherTableau, Solver>();

/** The solver of a tableau: the same one however often it is asked for. */
function solverOf(tableau: ButcherTableau): Solver {
  const solver = solversOf.get(tableau) ?? rungeKutta(tableau);
  solversOf.set(tableau, solver);
  return solver;
}

/** What a plugin brings; a tableau brings its solver too. */
export function contents(plugin: Plugin): readonly Entry[] {
  const { tableaux = [], solvers = [], gradients = [], controllers = [], engines = [] } = plugin;
  return [
    ...tableaux.flatMap((value): Entry[] => [
      ['tableau', value],
      ['solver', solverOf(value)],
    ]),
    ...solvers.map((value): Entry => ['solver', value]),
    ...gradients.map((value): Entry => ['gradient', value]),
    ...controllers.map((value): Entry => ['controller', value]),
    ...engines.map((value): Entry => ['engine', value]),
  ];
}
