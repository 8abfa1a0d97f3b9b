import type { DependencyContainer, InjectionToken } from 'tsyringe';
// This file is the only one that knows tsyringe. Its main module throws unless a Reflect polyfill ran before it, and bundlers
// that cut a page into chunks, or run ES modules before CommonJS, keep no such order. Only its decorators need the polyfill:
// the module of the container itself loads without, and changes nothing global. Bundles for browsers take it as an ES module, of which
// they need not keep all.
// @ts-expect-error tsyringe declares the types of this module in another folder.
import { instance } from '#container';
import { integral, pi, pid } from '../stepping/controllers.ts';
import { noteRegistered, registeredElsewhere } from './copies.ts';
import { ArgumentError, RegistryError } from '../arguments/errors.ts';
import { checkKind, type Kind, type Registered } from './kinds.ts';
import { describe } from '../arguments/describe.ts';
import { check, hasMembers, valueThat } from '../arguments/options.ts';
import { checkPlugin, contents } from './plugin.ts';
import { suggest } from '../arguments/suggest.ts';
import type { Plugin } from '../types/plugin.ts';

const container = instance as DependencyContainer;
const NAME = valueThat('a text', (value) => typeof value === 'string');

const token = <K extends Kind>(kind: K, name: string): InjectionToken<Registered[K]> =>
  `odegrad:${kind}:${name}`;

/**
 * Names and what they stand for, in scopes: a registry made with a parent sees the parent's names and may
 * shadow them, without the parent noticing. Plugins are plain values; a registered tableau is verified.
 */
export class Registry {
  readonly #parent: Registry | undefined;
  readonly #scope: DependencyContainer;
  readonly #names: Record<Kind, Set<string>> = {
    tableau: new Set(),
    solver: new Set(),
    gradient: new Set(),
    controller: new Set(),
    engine: new Set(),
  };

  /** @throws {ArgumentError} if `parent` is no registry, or one of another copy of this package. */
  constructor(parent?: Registry) {
    if (parent !== undefined && !(parent instanceof Registry)) {
      throw new ArgumentError(
        hasMembers(parent, { use: 'function', get: 'function' })
          ? '`parent` is a registry of another copy of @odegrad/core; `npm ls @odegrad/core` shows the copies. Leave one.'
          : `\`parent\` must be a registry, not ${describe(parent)}.`,
      );
    }
    this.#parent = parent;
    this.#scope = (parent ? parent.#scope : container).createChildContainer();
  }

  /**
   * Registers everything a plugin brings. Using the same plugin twice is harmless.
   *
   * @throws {ArgumentError} if it is no plugin, or brings what is not of the kind that it says.
   * @throws {RegistryError} if a name is taken by another value, of another plugin or of this one.
   * @throws {TableauError} if a tableau does not satisfy what it claims.
   */
  use(plugin: Plugin): this {
    checkPlugin(plugin);
    const brought = contents(plugin).filter(([kind, value]) => !this.#holds(kind, value));
    // All or nothing: a plugin that is refused leaves no half of itself.
    for (const [kind, value] of brought) this.#checkFree(kind, value, plugin);
    for (const [kind, value] of brought) this.#add(kind, value);
    return this;
  }

  /**
   * What is registered under a name. `remedy` is a sentence that says what to do where nothing is, for callers who know
   * who brings that name; the registry itself knows no plugin that has not come.
   *
   * @throws {RegistryError} if there is none of that name; the message lists those there are, and says where the name was
   * registered with another copy of this package.
   */
  get<K extends Kind>(kind: K, name: string, remedy = 'Is a `registry.use(plugin)` missing?'): Registered[K] {
    checkKind(kind);
    check('name', name, NAME);
    if (this.has(kind, name)) return this.#scope.resolve(token(kind, name));
    const known = this.names(kind);
    throw new RegistryError(
      `No ${kind} '${name}'.${suggest(name, known)} Registered: ${known.join(', ') || 'none'}. ` +
        (registeredElsewhere(kind, name) || remedy),
    );
  }

  has(kind: Kind, name: string): boolean {
    checkKind(kind);
    check('name', name, NAME);
    return this.#names[kind].has(name) || (this.#parent?.has(kind, name) ?? false);
  }

  /** All names of a kind, the parent's first. */
  names(kind: Kind): readonly string[] {
    checkKind(kind);
    return [...new Set([...(this.#parent?.names(kind) ?? []), ...this.#names[kind]])];
  }

  #checkFree<K extends Kind>(kind: K, value: Registered[K], plugin: Plugin): void {
    if (!this.#names[kind].has(value.name)) return;
    throw new RegistryError(
      `Plugin '${plugin.name}': the ${kind} '${value.name}' is already registered with another value. Rename one, ` +
        `or shadow it in a registry of its own: new Registry(parent).`,
    );
  }

  #holds<K extends Kind>(kind: K, value: Registered[K]): boolean {
    return this.#names[kind].has(value.name) && this.#scope.resolve(token(kind, value.name)) === value;
  }

  #add<K extends Kind>(kind: K, value: Registered[K]): void {
    this.#scope.registerInstance(token(kind, value.name), value);
    this.#names[kind].add(value.name);
    noteRegistered(kind, value.name);
  }
}

/** A registry with the step size controllers of core and nothing else. */
export function createRegistry(): Registry {
  return new Registry().use({ name: '@odegrad/core', controllers: [pi, integral, pid()] });
}

/** The registry that names are looked up in where no other is given. */
export const registry: Registry = createRegistry();
