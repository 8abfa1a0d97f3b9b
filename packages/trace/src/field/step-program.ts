import type { DifferentiableSolver, Solver, Stage, StageEvaluator, State, StepRequest } from '@odegrad/core';

import { createBuilder, type ProgramBuilder } from '../ir/builder.ts';
import { sizeOf, type Port, type Program } from '../ir/program.ts';
import { verified } from '../ir/verify.ts';
import { sumOf } from '../passes/sum-terms.ts';
import { symbolicEngine } from './symbolic-engine.ts';

// Core's own solvers run here on the values of a program, and so write the program of a whole step: no formula stands twice. What
// depends on the span are two kernels that a backend expands:
//
//     Combine(base, x₀, x₁, …; weights)   base + h Σ weightᵢ xᵢ
//     StageTime(; node)                   the time at that node of the step

type Shapes = readonly (readonly number[])[];

/** Values of the parts of a state. */
type Parts = readonly number[];

/** An opaque span: solvers name stages by their nodes, and hand the step size on. Whoever looks at it sees NaN. */
const ANY = { t0: NaN, t1: NaN };

/** y₁, as ports `f…`; in: `y…`, `p…`, `v…` and the step's own `h` and `s`. */
export function stepForward(solver: Solver, f: Program, shapes: Shapes): Program {
  const scene = createScene(f, shapes);
  const evaluator = scene.evaluator((at) => scene.slopes(at, f));
  const { y } = solver.step(evaluator, ANY, scene.y, { error: false });
  return verified(scene.builder.finish(ports('f', y)), 'stepForward');
}

/**
 * An attempted step from the slope at its start, ports `k…`: y₁ as `f…`, the error estimate as `e…`, and, of methods whose
 * last stage is at y₁, its slope as `l…`.
 */
export function stepAttempt(solver: Solver, f: Program, shapes: Shapes): Program {
  const scene = createScene(f, shapes);
  const slope = shapes.map((shape, k) => scene.builder.input(`k${k}`, shape));
  const evaluator = scene.evaluator((at) => scene.slopes(at, f));
  const request: StepRequest<number> = { first: { t: ANY.t0, y: scene.y, slope }, error: true };
  const { y, error, last } = solver.step(evaluator, ANY, scene.y, request);
  const lasts = last ? ports('l', last.slope!) : [];
  return verified(scene.builder.finish([...ports('f', y), ...ports('e', error!), ...lasts]), 'stepAttempt');
}

/** y₁ and the pullback of its cotangent `c…` to `gy…` and `gp…`. */
export function stepGradient(solver: DifferentiableSolver, gradient: Program, shapes: Shapes): Program {
  const isValue = ({ name }: Port): boolean => name.startsWith('f');
  const value: Program = { ...gradient, outputs: gradient.outputs.filter(isValue) };
  const pullback: Program = {
    ...gradient,
    outputs: gradient.outputs.filter((port) => !isValue(port) && port.name !== 'gt'),
  };
  const scene = createScene(gradient, shapes);
  const { builder } = scene;
  const cotangent = shapes.map((shape, k) => builder.input(`c${k}`, shape));

  // Both halves name the whole gradient program; what they have in common is merged afterwards.
  const unseen = new Map(cotangent.map((part, k) => [`c${k}`, part]));
  const points = new Map<State<number>, Point>();
  const evaluator = scene.evaluator((at) => {
    const slopes = scene.slopes(new Map([...at, ...unseen]), value);
    points.set(slopes, at);
    return slopes;
  });
  const { y, stages } = solver.step(evaluator, ANY, scene.y, { error: false });
  const parameters = new Map<string, number[]>();
  const pulled = solver.adjointStep({
    engine: evaluator.engine,
    span: ANY,
    cotangent,
    withTime: false,
    pullback(index, slopeCotangent) {
      const given = slopeCotangent.map((part, k) => [`c${k}`, part] as const);
      const results = builder.inline(pullback, new Map([...points.get(stages[index]!.slope!)!, ...given]));
      for (const [name, part] of results) {
        if (name.startsWith('gp')) parameters.set(name, [...(parameters.get(name) ?? []), part]);
      }
      return { y: scene.parts(results, 'gy'), t: 0 };
    },
  });
  const sums = [...parameters].map(([name, parts]) => ({ name, value: sumOf(builder, parts) }));
  return verified(
    scene.builder.finish([...ports('f', y), ...ports('gy', pulled.y), ...sums]),
    'stepGradient',
  );
}

const ports = (prefix: string, parts: Parts): Port[] =>
  parts.map((value, k) => ({ name: `${prefix}${k}`, value }));

/** Where f is evaluated: values for the ports of its program. */
type Point = ReadonlyMap<string, number>;

/** What the stages of one step share. */
interface Scene {
  readonly builder: ProgramBuilder;
  readonly y: Parts;
  evaluator(slopes: (point: Point) => Parts): StageEvaluator<number>;
  /** The slopes that a program of f gives at a point. */
  slopes(at: Point, f: Program): Parts;
  /** The parts of a result; what is absent is zero. */
  parts(results: ReadonlyMap<string, number>, prefix: string): Parts;
}

function createScene(f: Program, shapes: Shapes): Scene {
  const builder = createBuilder();
  const y = shapes.map((shape, k) => builder.input(`y${k}`, shape));
  const shared = new Map<string, number>();
  for (const { name, value } of f.inputs) {
    if (/^[pv]/.test(name))
      shared.set(name, builder.input(name, f.values[value]!.shape, f.values[value]!.dtype));
  }
  const engine = symbolicEngine(builder);
  const usesTime = f.inputs.some(({ name }) => name === 't');
  const parts: Scene['parts'] = (results, prefix) =>
    shapes.map(
      (shape, k) => results.get(`${prefix}${k}`) ?? builder.constant(new Float32Array(sizeOf(shape)), shape),
    );
  return {
    builder,
    y,
    evaluator: (slopes) => ({
      engine,
      at(_, node, state): Stage<number> {
        const at = new Map([...shared, ...state.map((part, k) => [`y${k}`, part] as const)]);
        if (usesTime) at.set('t', builder.call('StageTime', {}, [], { node }));
        return { t: ANY.t0, y: state, slope: slopes(at) };
      },
    }),
    slopes: (at, program) => parts(builder.inline(program, at), 'f'),
    parts,
  };
}
