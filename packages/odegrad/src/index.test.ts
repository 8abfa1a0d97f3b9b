import * as tf from '@tensorflow/tfjs';
import * as core from '@odegrad/core';
import * as frontEnd from '@odegrad/engine-tfjs';
import * as checkpoints from '@odegrad/grad-checkpoint';
import * as methods from '@odegrad/tableaux';
import { beforeAll, describe, expect, it } from 'vitest';
import * as odegrad from './index.ts';

const { odeint, registry, solve, solveAsync, steps } = odegrad;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const w = (): tf.Variable => tf.variable(tf.tensor2d([-0.1, 2, -2, -0.1], [2, 2]));

describe('the package of all', () => {
  it('finds everything by name, and so do packages beside it', () => {
    expect(registry).toBe(core.registry);
    expect(registry.names('solver')).toHaveLength(16);
    expect(registry.names('gradient')).toEqual(
      expect.arrayContaining(['symplectic', 'backprop', 'checkpoint', 'stages', 'auto', 'adjoint']),
    );
    expect(registry.names('engine')).toEqual(expect.arrayContaining(['tfjs', 'wasm', 'replay']));
  });

  it('may stand beside the plugins it is made of', () => {
    expect(() => registry.use(methods.default).use(odegrad.wasm())).not.toThrow();
  });

  it('exports what its parts do', () => {
    const parts = [core, checkpoints, methods].flatMap((part) => Object.keys(part));
    expect(Object.keys(odegrad)).toEqual(expect.arrayContaining(parts.filter((name) => name !== 'default')));
  });

  it('has each function of the front end that takes options of a solve', () => {
    // What is not for users is for authors of engines, who take the front end itself.
    const forAuthors = [
      'afresh',
      'checkAlive',
      'checkKernel',
      'explained',
      'flatField',
      'isolated',
      'missingKernel',
      'record',
      'requireFloat32',
      'structureOf',
    ];
    const known = [...Object.keys(odegrad), ...forAuthors, 'default'];
    expect(Object.keys(frontEnd).filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('odeint and solve', () => {
  it('compile f by default, and give what engine tfjs gives', () => {
    const matrix = w();
    const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.matMul(tf.pow(y, 3), matrix);
    const y0 = tf.tensor2d([[2, 0]]);
    const by = (options?: odegrad.OdeOptions): Float32Array => {
      const loss = (): tf.Scalar => tf.sum(tf.square(odeint(f, y0, [0, 0.5, 1], options)));
      return tf.tidy(() => tf.variableGrads(loss, [matrix]).grads[matrix.name]!.dataSync<'float32'>());
    };
    const [ours, reference] = [by(), by({ engine: 'tfjs' })];
    const size = Math.max(...reference.map(Math.abs));
    expect(size).toBeGreaterThan(0);
    ours.forEach((g, i) => {
      expect(Math.abs(g - reference[i]!)).toBeLessThan(2e-5 * size);
    });
    const solution = solve(f, y0, [0, 1]);
    expect([solution.engine, solution.solver, solution.gradient]).toEqual(['wasm', 'dopri5', 'symplectic']);
    solution.dispose();
    const named = solve(f, y0, [0, 1], {
      engine: 'replay',
      solver: methods.rk4,
      numSteps: 4,
      gradient: 'stages',
    });
    expect([named.engine, named.solver, named.gradient]).toEqual(['replay', 'rk4', 'stages']);
    named.dispose();
    tf.dispose([matrix, y0]);
  });

  it('go step by step and in turns with the same defaults', async () => {
    const growth = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(y, tf.cos(t));
    const y0 = new Float64Array([1]);
    const precise = { solver: 'dopri8', rtol: 1e-12, atol: 1e-12 } as const;
    const expected = solve(growth, y0, [0, 2], precise);
    const solved = await solveAsync(growth, y0, [0, 2], { ...precise, every: 0 });
    expect([solved.ys, solved.engine]).toEqual([expected.ys, 'wasm']);
    const cotangents = new Float64Array([0, 1]);
    expect(await solved.pullbackAsync(cotangents)).toEqual(expected.pullback(cotangents));
    let last: Float64Array = y0;
    for (const { y } of steps(growth, y0, 0, { ...precise, until: 2 })) last = y.data;
    expect(last[0]).toBe(expected.ys.data[1]);
    solved.dispose();
    expected.dispose();
    await expect(solveAsync(growth, y0, [0, 1], null as never)).rejects.toThrow(core.ArgumentError);
    expect(() => steps(growth, y0, 0, { untl: 1 } as never).next()).toThrow("Did you mean 'until'");
  });

  it('have second derivatives with the same defaults', () => {
    // y = y0 exp(−t): of y² they are 2 exp(−2t), along 3 six times exp(−2t).
    const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);
    const loss = (ys: tf.Tensor): tf.Tensor => tf.sum(tf.square(ys));
    const wanted = expect.closeTo(6 * Math.exp(-2), 4) as number;
    const options = { rtol: 1e-5, saveAt: 'end' } as const;
    tf.tidy(() => {
      const y0 = tf.tensor1d([1]);
      const direction = { y0: tf.tensor1d([3]) };
      const gradient = tf.grad((y: tf.Tensor) => loss(odeint(f, y, [0, 1], options)));
      expect(
        tf
          .grad((y: tf.Tensor) => tf.sum(tf.mul(gradient(y), 3)))(y0)
          .dataSync()[0],
      ).toEqual(wanted);
      const product = odegrad.hessianVector(f, y0, [0, 1], { ...options, loss, direction });
      expect(product.y0.dataSync()[0]).toEqual(wanted);
      const moved = odegrad.tangent(f, y0, [0, 1], { ...options, direction });
      expect(moved.engine).toBe('wasm');
      moved.dispose();
    });
  });

  it('solve in doubles', () => {
    const growth = (t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.mul(y, tf.cos(t));
    const ys = odeint(growth, new Float64Array([1]), [0, 2], { solver: 'dopri8', rtol: 1e-12, atol: 1e-12 });
    expect(ys.data[1]).toBeCloseTo(Math.exp(Math.sin(2)), 11);
  });

  it('take an undefined option for one that is left out, and refuse what is none', () => {
    const y0 = tf.tensor1d([1]);
    const f = (_t: tf.Scalar, y: tf.Tensor): tf.Tensor => tf.neg(y);
    const solution = solve(f, y0, [0, 1], { engine: undefined, registry: undefined });
    expect(solution.engine).toBe('wasm');
    solution.dispose();
    for (const options of [null, 3, 'dopri5', ['dopri5'], { solvr: 'dopri5' }])
      expect(() => odeint(f, y0, [0, 1], options as never)).toThrow(core.ArgumentError);
    expect(() => odeint(f, y0, [0, 1], { solver: 'dopri6' })).toThrow(/Did you mean 'dopri5'/);
    y0.dispose();
  });
});
