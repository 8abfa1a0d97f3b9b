import adjointPlugin from '@odegrad/grad-adjoint';
import backpropPlugin, { backprop } from '@odegrad/grad-backprop';
import tableauxPlugin, { dopri5, rk4 } from '@odegrad/tableaux';
import type { DependencyContainer } from 'tsyringe';
// @ts-expect-error tsyringe declares the types of this module in another folder.
import { instance } from 'tsyringe/dist/cjs/dependency-container.js';
import { describe, expect, it } from 'vitest';
import { integral, pi } from '../stepping/controllers.ts';
import { RegistryError, TableauError } from '../arguments/errors.ts';
import { createRegistry, Registry, registry } from './registry.ts';
import { rungeKutta } from '../solver/runge-kutta.ts';
import type { GradientStrategy, Plugin } from '../types/plugin.ts';
import type { Solver } from '../types/solver.ts';

const kinds = ['tableau', 'solver', 'gradient', 'controller', 'engine'] as const;
const everything = (scope: Registry): string[] => kinds.flatMap((kind) => scope.names(kind));

/** A strategy that is only to be found. */
const strategy = (name: string): GradientStrategy => ({ ...backprop, name });

describe('a registry', () => {
  it('begins with the controllers of core alone', () => {
    expect(kinds.map((kind) => createRegistry().names(kind))).toEqual([
      [],
      [],
      [],
      ['pi', 'integral', 'pid'],
      [],
    ]);
    expect(registry.get('controller', 'pi')).toBe(pi);
    expect(registry.get('controller', 'integral')).toBe(integral);
    expect(everything(new Registry())).toEqual([]);
  });

  it('gives the very values that a plugin brings, by kind and name, in their order', () => {
    const engine = { name: 'abacus' };
    const solver: Solver = { ...rungeKutta(rk4), name: 'mine' };
    const plugin: Plugin = {
      name: 'p',
      solvers: [solver],
      gradients: [backprop],
      controllers: [pi],
      engines: [engine],
    };
    const scope = new Registry().use(plugin);
    expect(scope.get('solver', 'mine')).toBe(solver);
    expect(scope.get('gradient', 'backprop')).toBe(backprop);
    expect(scope.get('controller', 'pi')).toBe(pi);
    expect(scope.get('engine', 'abacus')).toBe(engine);
    expect(scope.has('solver', 'mine')).toBe(true);
    expect(scope.has('gradient', 'mine')).toBe(false);
    expect(new Registry().use(tableauxPlugin).names('tableau')).toEqual(
      tableauxPlugin.tableaux!.map((t) => t.name),
    );
  });

  it('makes a solver of each tableau, the same at every look', () => {
    const scope = new Registry().use(tableauxPlugin);
    expect(scope.names('solver')).toEqual(scope.names('tableau'));
    expect(scope.get('tableau', 'dopri5')).toBe(dopri5);
    expect(scope.get('solver', 'dopri5')).toBe(scope.get('solver', 'dopri5'));
    expect(scope.get('solver', 'dopri5')).toMatchObject({
      name: 'dopri5',
      order: 5,
      stages: 6,
      tableau: dopri5,
    });
  });

  it('takes the same plugin, or the same value in another plugin, twice', () => {
    const scope = new Registry().use(tableauxPlugin).use(backpropPlugin);
    const before = everything(scope);
    const solver = scope.get('solver', 'rk4');
    scope
      .use(tableauxPlugin)
      .use(backpropPlugin)
      .use({ name: 'again', tableaux: [rk4], gradients: [backprop] });
    expect(everything(scope)).toEqual(before);
    expect(scope.get('solver', 'rk4')).toBe(solver);
  });

  it('does nothing to a registry that does not use the plugin', () => {
    new Registry().use(adjointPlugin);
    expect(registry.names('gradient')).toEqual([]);
    expect(createRegistry().names('gradient')).toEqual([]);
  });
});

describe('a registry refuses', () => {
  it('another value under a taken name, naming the plugin and the way out', () => {
    const scope = new Registry().use(backpropPlugin).use(tableauxPlugin);
    expect(() =>
      scope.use({ name: 'rival', gradients: [strategy('backprop')] }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[RegistryError: Plugin 'rival': the gradient 'backprop' is already registered with another value. Rename one, or shadow it in a registry of its own: new Registry(parent).]`,
    );
    expect(() => scope.use({ name: 'rival', tableaux: [{ ...rk4 }] })).toThrow(RegistryError);
    expect(() => scope.use({ name: 'rival', solvers: [rungeKutta(rk4)] })).toThrow(
      "Plugin 'rival': the solver 'rk4' is already registered",
    );
    expect(scope.get('gradient', 'backprop')).toBe(backprop);
    expect(scope.get('tableau', 'rk4')).toBe(rk4);
  });

  it('two values under one name in one plugin', () => {
    const scope = new Registry();
    const before = everything(scope);
    const other = { ...rk4, reference: 'another source' };
    for (const [plugin, said] of [
      [{ tableaux: [rk4, dopri5, other] }, "Plugin 'p' brings two values as tableau 'rk4'"],
      [{ solvers: [rungeKutta(rk4), rungeKutta(rk4)] }, "two values as solver 'rk4'"],
      [{ tableaux: [rk4], solvers: [rungeKutta(rk4)] }, "two values as solver 'rk4'"],
      [{ gradients: [strategy('x'), strategy('x')] }, "two values as gradient 'x'"],
      [{ controllers: [pi, { ...pi }] }, "two values as controller 'pi'"],
      [{ engines: [{ name: 'e' }, { name: 'e' }] }, "two values as engine 'e'"],
    ] as const) {
      expect(() => scope.use({ name: 'p', ...plugin })).toThrow(RegistryError);
      expect(() => scope.use({ name: 'p', ...plugin })).toThrow(said);
      expect(everything(scope)).toEqual(before);
    }
    // The same value twice is one.
    scope.use({ name: 'p', tableaux: [rk4, rk4], controllers: [pi, pi] });
    expect(scope.names('tableau')).toEqual(['rk4']);
  });

  it('the whole plugin where one of its values is refused', () => {
    const wrong = { ...rk4, name: 'wrong', order: 5 };
    const scope = new Registry().use(backpropPlugin);
    const before = everything(scope);
    expect(() => scope.use({ name: 'p', tableaux: [dopri5, wrong], gradients: [strategy('new')] })).toThrow(
      TableauError,
    );
    expect(everything(scope)).toEqual(before);
    expect(() =>
      scope.use({ name: 'p', tableaux: [dopri5], gradients: [strategy('new'), strategy('backprop')] }),
    ).toThrow(RegistryError);
    expect(everything(scope)).toEqual(before);
    // And so it may be corrected and used again.
    scope.use({ name: 'p', tableaux: [dopri5, { ...wrong, order: 4 }], gradients: [strategy('new')] });
    expect(scope.names('tableau')).toEqual(['dopri5', 'wrong']);
  });

  it('a tableau that claims too much, naming the tree', () => {
    expect(() => new Registry().use({ name: 'p', tableaux: [{ ...rk4, order: 5 }] })).toThrow(
      /Tableau "rk4": claims order 5, but b fails the condition of the rooted tree \[/,
    );
  });
});

describe('an unknown name', () => {
  const scope = new Registry()
    .use(tableauxPlugin)
    .use(backpropPlugin)
    .use({ name: 'c', controllers: [pi] });
  const message = (kind: (typeof kinds)[number], name: string, where = scope): string => {
    try {
      where.get(kind, name);
    } catch (error) {
      expect(error).toBeInstanceOf(RegistryError);
      return (error as Error).message;
    }
    throw new Error('It was found.');
  };

  it('is answered with the names there are and the nearest of them', () => {
    expect(message('solver', 'dorpi5')).toMatchInlineSnapshot(
      `"No solver 'dorpi5'. Did you mean 'dopri5'? Registered: euler, midpoint, heun2, ralston2, adaptive_heun, fehlberg2, heun3, ssprk33, bosh3, rk4, rk38, fehlberg45, cash_karp, dopri5, tsit5, dopri8. Is a \`registry.use(plugin)\` missing?"`,
    );
    expect(message('gradient', 'backprob')).toContain("Did you mean 'backprop'?");
    expect(message('controller', 'PI')).toContain("Did you mean 'pi'?");
  });

  it('is answered with what the caller says to do', () => {
    expect(message('gradient', 'symplectic')).toMatchInlineSnapshot(
      `"No gradient 'symplectic'. Registered: backprop. Is a \`registry.use(plugin)\` missing?"`,
    );
    expect(() => scope.get('gradient', 'symplectic', 'Ask its author.')).toThrow(
      new RegistryError("No gradient 'symplectic'. Registered: backprop. Ask its author."),
    );
    expect(scope.get('gradient', 'backprop', 'Ask its author.')).toBe(backprop);
    expect(message('solver', 'nonesuch')).toContain('Is a `registry.use(plugin)` missing?');
    expect(message('solver', 'dopri5', new Registry())).toBe(
      "No solver 'dopri5'. Registered: none. Is a `registry.use(plugin)` missing?",
    );
  });

  it('may be that of something that every object has', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', '']) {
      for (const kind of kinds) {
        expect(scope.has(kind, name)).toBe(false);
        expect(message(kind, name)).toContain(`No ${kind} '${name}'.`);
        expect(message(kind, name)).not.toContain('Install');
      }
    }
  });
});

describe('scopes', () => {
  it('see the names of their parents and may shadow them without the parents noticing', () => {
    const parent = new Registry().use(tableauxPlugin);
    const counting: Solver = { ...rungeKutta(rk4) };
    const child = new Registry(parent).use({
      name: 'bench',
      solvers: [counting],
      gradients: [strategy('new')],
    });
    const grandchild = new Registry(child);
    expect(child.get('solver', 'rk4')).toBe(counting);
    expect(grandchild.get('solver', 'rk4')).toBe(counting);
    expect(grandchild.get('solver', 'dopri5')).toBe(parent.get('solver', 'dopri5'));
    expect(parent.get('solver', 'rk4')).not.toBe(counting);
    expect(parent.has('gradient', 'new')).toBe(false);
    expect(grandchild.has('gradient', 'new')).toBe(true);
    expect(child.names('solver')).toEqual(parent.names('solver'));
  });

  it('see what a parent learns later', () => {
    const parent = new Registry();
    const child = new Registry(parent);
    expect(() => child.get('gradient', 'backprop')).toThrow(RegistryError);
    parent.use(backpropPlugin);
    expect(child.get('gradient', 'backprop')).toBe(backprop);
  });

  it('are not emptied by a stranger who resets the container', () => {
    const container = instance as DependencyContainer;
    const scope = new Registry(createRegistry()).use(tableauxPlugin).use(backpropPlugin);
    const before = everything(scope);
    container.reset();
    container.clearInstances();
    expect(everything(scope)).toEqual(before);
    for (const kind of kinds)
      for (const name of scope.names(kind)) expect(scope.get(kind, name)).toBeDefined();
  });
});

describe('the container', () => {
  it('needs no Reflect polyfill, and brings none', () => {
    expect(registry.names('controller')).toEqual(['pi', 'integral', 'pid']);
    expect(Object.getOwnPropertyNames(Reflect)).not.toContain('getMetadata');
  });
});
