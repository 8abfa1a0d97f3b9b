import { Registry, RegistryError, type Kind, type Plugin } from '@odegrad/core';
import { onnx } from '@odegrad/engine-onnx';
import replay from '@odegrad/engine-replay';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import backprop, { backprop as strategy } from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { auto } from '@odegrad/trace';
import { describe, expect, it } from 'vitest';
import { lookUp } from './look-up.ts';

const message = (kind: Kind, name: string, where: Registry): string => {
  try {
    lookUp(where, kind, name);
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError);
    return (error as Error).message;
  }
  throw new Error('It was found.');
};

describe('a name that is looked up', () => {
  const scope = new Registry().use(tableaux).use(backprop);

  it('is found', () => {
    expect(lookUp(scope, 'gradient', 'backprop')).toBe(strategy);
    expect(lookUp(new Registry(scope), 'solver', 'rk4').name).toBe('rk4');
  });

  it('is answered with the package that has it, where it is missing', () => {
    expect(message('gradient', 'symplectic', scope)).toMatchInlineSnapshot(
      `"No gradient 'symplectic'. Registered: backprop. Install @odegrad/grad-symplectic and register it: registry.use(plugin)."`,
    );
    const homes = {
      backprop: 'grad-backprop',
      adjoint: 'grad-adjoint',
      symplectic: 'grad-symplectic',
      checkpoint: 'grad-checkpoint',
      recompute: 'grad-checkpoint',
      stages: 'grad-checkpoint',
    };
    for (const [name, home] of Object.entries(homes)) {
      expect(message('gradient', name, new Registry())).toContain(`Install @odegrad/${home} and register it`);
    }
    expect(message('solver', 'dopri5', new Registry())).toContain('Install @odegrad/tableaux');
    expect(message('engine', 'onnx', new Registry())).toContain('Install @odegrad/engine-onnx');
    expect(message('solver', 'nonesuch', scope)).toContain('Is a `registry.use(plugin)` missing?');
  });

  it('is that which the plugin of that package brings', () => {
    const plugins: readonly Plugin[] = [
      ...[backprop, adjoint, symplectic, checkpoint],
      ...[onnx(), replay, wasm(), auto(new Registry())],
    ];
    for (const [kind, list] of [
      ['gradient', 'gradients'],
      ['engine', 'engines'],
    ] as const) {
      const names = new Set(plugins.flatMap((plugin) => (plugin[list] ?? []).map((value) => value.name)));
      expect(names.size).toBeGreaterThan(1);
      for (const name of names) {
        const [, home] = /Install (\S+) and register it/.exec(message(kind, name, new Registry())) ?? [];
        const bringing = plugins.filter((plugin) => plugin[list]?.some((value) => value.name === name));
        expect(bringing.map((plugin) => plugin.name)).toContain(home);
      }
    }
    expect(tableaux.name).toBe('@odegrad/tableaux');
  });

  it('may be that of something that every object has', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', '']) {
      for (const kind of ['tableau', 'solver', 'gradient', 'controller', 'engine'] as const) {
        expect(message(kind, name, scope)).toContain(`No ${kind} '${name}'.`);
        expect(message(kind, name, scope)).not.toContain('Install');
      }
    }
  });
});
