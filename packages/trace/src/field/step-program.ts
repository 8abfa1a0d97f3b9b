import { isFirstSameAsLast, solutionStages, type ButcherTableau, type Span } from '@odegrad/core';

import type { FloatData, FloatType } from '../ir/floats.ts';
import { createBuilder, type ProgramBuilder } from '../ir/builder.ts';
import { sizeOf, type ElementType, type Port, type Program } from '../ir/program.ts';
import { simplify } from '../passes/simplify.ts';
import { sumOf } from '../passes/sum-terms.ts';

/** A program of a whole step, and how its two inputs for the step itself are filled. */
export interface StepProgram {
  readonly program: Program;
  /** What h is multiplied by, entry for entry of input `h`, `[1, weights.length]`. */
  readonly weights: readonly number[];
  /** Stages whose times are the entries of input `s`, `[times.length]`. */
  readonly times: readonly number[];
}

/** Values of the parts of a state. */
type Parts = readonly number[];

interface Weighted {
  readonly weight: number;
  readonly parts: Parts;
}

/** What the stages of one step share. */
interface Scene {
  readonly builder: ProgramBuilder;
  readonly shapes: readonly (readonly number[])[];
  readonly y: Parts;
  /** Ports of f at a stage. */
  at(stage: number, y: Parts): Map<string, number>;
  /** `base + h Σ weight · parts`. */
  combine(base: Parts | undefined, terms: readonly Weighted[]): Parts;
  /** The parts of a result; what is absent is zero. */
  parts(results: ReadonlyMap<string, number>, prefix: string): Parts;
  finish(outputs: readonly Port[]): StepProgram;
}

const ports = (prefix: string, parts: Parts): Port[] =>
  parts.map((value, k) => ({ name: `${prefix}${k}`, value }));

/** Time of stage i: the ends of the step are the very numbers of the span. */
function stageTime({ c }: ButcherTableau, { t0, t1 }: Span, i: number): number {
  return c[i] === 0 ? t0 : c[i] === 1 ? t1 : t0 + c[i]! * (t1 - t0);
}

/** Fills a step's own inputs, `h` and `s`, for a span. */
export function fillStep(
  tableau: ButcherTableau,
  { weights, times }: StepProgram,
  span: Span,
  coefficients: FloatData,
  stageTimes: FloatData,
): void {
  const h = span.t1 - span.t0;
  for (let i = 0; i < weights.length; i++) coefficients[i] = h * weights[i]!;
  for (let i = 0; i < times.length; i++) stageTimes[i] = stageTime(tableau, span, times[i]!);
}

/** y₁ = y + h Σ b_i k_i, as ports `f…`; in: `y…`, `p…`, `v…` and the step's own `h` and `s`. */
export function stepForward(
  tableau: ButcherTableau,
  f: Program,
  shapes: readonly (readonly number[])[],
): StepProgram {
  const scene = createScene(tableau, f, shapes);
  const slopes: Parts[] = [];
  for (const i of solutionStages(tableau)) {
    const state = along(scene, scene.y, tableau.a[i]!, slopes);
    slopes[i] = scene.parts(scene.builder.inline(f, scene.at(i, state)), 'f');
  }
  return scene.finish(ports('f', along(scene, scene.y, tableau.b, slopes)));
}

/**
 * An attempted step from the slope at its start, ports `k…`: y₁ as `f…`, the error estimate h Σ (b_i − b̂_i) k_i as `e…`,
 * and, of methods whose last stage is at y₁, its slope as `l…`. Sums are formed in doubles and rounded once, as those of
 * `arrayEngine` are: the estimate is a small difference of slopes, and other roundings would steer the steps elsewhere than
 * stages one by one do.
 */
export function stepAttempt(
  tableau: ButcherTableau,
  f: Program,
  shapes: readonly (readonly number[])[],
): StepProgram {
  const { a, b, bError } = tableau;
  const scene = createScene(tableau, f, shapes, 'float64');
  const slopes: Parts[] = [shapes.map((shape, k) => scene.builder.input(`k${k}`, shape))];
  const evaluate = (i: number, at: () => Parts): void => {
    if (i > 0) slopes[i] = scene.parts(scene.builder.inline(f, scene.at(i, at())), 'f');
  };
  const main = solutionStages(tableau);
  for (const i of main) evaluate(i, () => along(scene, scene.y, a[i]!, slopes));
  const y1 = along(scene, scene.y, b, slopes);
  const fsal = isFirstSameAsLast(tableau);
  const last = b.length - 1;
  for (const i of b.keys()) {
    if (!main.includes(i))
      evaluate(i, () => (fsal && i === last ? y1 : along(scene, scene.y, a[i]!, slopes)));
  }
  return scene.finish([
    ...ports('f', y1),
    ...ports('e', along(scene, undefined, bError!, slopes)),
    ...(fsal ? ports('l', slopes[last]!) : []),
  ]);
}

/**
 * y₁ and the pullback of its cotangent `c…` to `gy…` and `gp…`, with
 * K̄_i = h b_i λ + h Σ_{j>i} a_ji g_j and g_i = (∂f/∂y)ᵀ K̄_i at stage i, last stage first.
 */
export function stepGradient(
  tableau: ButcherTableau,
  gradient: Program,
  shapes: readonly (readonly number[])[],
): StepProgram {
  const { a, b } = tableau;
  const isValue = ({ name }: Port): boolean => name.startsWith('f');
  const value: Program = { ...gradient, outputs: gradient.outputs.filter(isValue) };
  const pullback: Program = {
    ...gradient,
    outputs: gradient.outputs.filter((port) => !isValue(port) && port.name !== 'gt'),
  };
  const main = solutionStages(tableau);
  const scene = createScene(tableau, gradient, shapes);
  const { builder } = scene;
  const lambda = shapes.map((shape, k) => builder.input(`c${k}`, shape));

  const slopes: Parts[] = [];
  const states: Parts[] = [];
  // Both halves name the whole gradient program; what they have in common is merged afterwards.
  const unseen = new Map(lambda.map((part, k) => [`c${k}`, part]));
  for (const i of main) {
    states[i] = along(scene, scene.y, a[i]!, slopes);
    slopes[i] = scene.parts(builder.inline(value, new Map([...scene.at(i, states[i]), ...unseen])), 'f');
  }
  const g: Parts[] = [];
  const parameters = new Map<string, number[]>();
  for (const i of [...main].reverse()) {
    const later = main.filter((j) => a[j]![i] && g[j]);
    if (b[i] === 0 && later.length === 0) continue;
    const own = b[i] === 0 ? [] : [{ weight: b[i]!, parts: lambda }];
    const cotangent = scene.combine(undefined, [
      ...own,
      ...later.map((j) => ({ weight: a[j]![i]!, parts: g[j]! })),
    ]);
    const given = new Map([
      ...scene.at(i, states[i]!),
      ...cotangent.map((part, k) => [`c${k}`, part] as const),
    ]);
    const results = builder.inline(pullback, given);
    g[i] = scene.parts(results, 'gy');
    for (const [name, part] of results) {
      if (name.startsWith('gp')) parameters.set(name, [...(parameters.get(name) ?? []), part]);
    }
  }
  const gy = lambda.map((part, k) =>
    builder.call(
      'AddN',
      Object.fromEntries([part, ...Object.values(g).map((parts) => parts[k]!)].map((x, i) => [i, x])),
      builder.shape(part),
    ),
  );
  return scene.finish([
    ...ports('f', along(scene, scene.y, b, slopes)),
    ...ports('gy', gy),
    ...[...parameters].map(([name, parts]) => ({ name, value: sumOf(builder, parts) })),
  ]);
}

const along = (
  scene: Scene,
  base: Parts | undefined,
  weights: readonly number[],
  slopes: readonly Parts[],
): Parts =>
  scene.combine(
    base,
    weights.flatMap((weight, j) => (weight === 0 ? [] : [{ weight, parts: slopes[j]! }])),
  );

function createScene(
  { c }: ButcherTableau,
  f: Program,
  shapes: readonly (readonly number[])[],
  sums: FloatType = 'float32',
): Scene {
  const builder = createBuilder();
  const y = shapes.map((shape, k) => builder.input(`y${k}`, shape));
  const shared = new Map<string, number>();
  for (const { name, value } of f.inputs) {
    if (/^[pv]/.test(name))
      shared.set(name, builder.input(name, f.values[value]!.shape, f.values[value]!.dtype));
  }
  // Only when all is put together is it known how many coefficients and times there are. Until then each is an
  // input of its own; then these become the pieces of two inputs.
  const rows: { readonly weights: readonly number[]; readonly value: number }[] = [];
  const times = new Map<number, number>();
  const row = (weights: readonly number[]): number => {
    const known = rows.find((other) => other.weights.join() === weights.join());
    if (known) return known.value;
    const value = builder.input(`h:${rows.length}`, [1, weights.length], sums);
    rows.push({ weights, value });
    return value;
  };
  const time = (stage: number): number => {
    const same = [...times.keys()].find((other) => c[other] === c[stage]);
    if (same !== undefined) return times.get(same)!;
    const value = builder.input(`s:${times.size}`, [1]);
    times.set(stage, value);
    return value;
  };
  const reshape = (x: number, shape: readonly number[], dtype?: ElementType): number =>
    builder.call('Reshape', { x }, shape, { shape: [...shape] }, dtype);
  const cast = (x: number, dtype: ElementType): number =>
    sums === 'float32' ? x : builder.call('Cast', { x }, builder.shape(x), { dtype }, dtype);
  const usesTime = f.inputs.some(({ name }) => name === 't');

  const combinePart = (
    base: number | undefined,
    terms: readonly { weight: number; value: number }[],
    shape: readonly number[],
  ): number => {
    const from = base === undefined ? undefined : cast(base, sums);
    const values = terms.map(({ value }) => cast(value, sums));
    const call = (kernel: string, operands: Record<string, number>, result: readonly number[]): number =>
      builder.call(kernel, operands, result, {}, sums);
    // The sum of two or less is written out; that of more is one matrix product.
    if (terms.length <= 2) {
      const scaled = values.map((value, i) => {
        const flat = shape.length < 2;
        const line = flat ? [1, sizeOf(shape)] : shape;
        const product = call(
          'Multiply',
          { a: flat ? reshape(value, line, sums) : value, b: row([terms[i]!.weight]) },
          line,
        );
        return flat ? reshape(product, shape, sums) : product;
      });
      const sum = [...(from === undefined ? [] : [from]), ...scaled].reduce((a, b) =>
        call('Add', { a, b }, shape),
      );
      return cast(sum, 'float32');
    }
    const size = sizeOf(shape);
    const [rows, ...rest] = shape.length === 0 ? [1] : shape;
    const lines = values.map((value) => (shape.length === 0 ? reshape(value, [1], sums) : value));
    const stacked = builder.call(
      'Concat',
      Object.fromEntries(lines.map((line, i) => [String(i), line])),
      [rows! * terms.length, ...rest],
      { axis: 0 },
      sums,
    );
    const product = builder.call(
      'BatchMatMul',
      { a: row(terms.map(({ weight }) => weight)), b: reshape(stacked, [terms.length, size], sums) },
      [1, size],
      { transposeA: false, transposeB: false },
      sums,
    );
    const sum =
      from === undefined
        ? product
        : call('Add', { a: product, b: reshape(from, [1, size], sums) }, [1, size]);
    return cast(reshape(sum, shape, sums), 'float32');
  };

  return {
    builder,
    shapes,
    y,
    at(stage, state) {
      const given = new Map([...shared, ...state.map((part, k) => [`y${k}`, part] as const)]);
      if (usesTime) given.set('t', reshape(time(stage), []));
      return given;
    },
    combine: (base, terms) =>
      shapes.map((shape, k) =>
        terms.length === 0
          ? base![k]!
          : combinePart(
              base?.[k],
              terms.map(({ weight, parts }) => ({ weight, value: parts[k]! })),
              shape,
            ),
      ),
    parts: (results, prefix) =>
      shapes.map(
        (shape, k) =>
          results.get(`${prefix}${k}`) ?? builder.constant(new Float32Array(sizeOf(shape)), shape),
      ),
    finish(outputs) {
      const program = builder.finish(outputs);
      const weights = rows.flatMap((piece) => piece.weights);
      return {
        program: simplify(
          join(
            join(
              program,
              'h',
              rows.map(({ value }) => value),
              1,
            ),
            's',
            [...times.values()],
            0,
          ),
        ),
        weights,
        times: [...times.keys()],
      };
    },
  };
}

/** Makes inputs of a program the pieces of one input. */
function join(program: Program, name: string, pieces: readonly number[], axis: number): Program {
  if (pieces.length === 0) return program;
  const sizes = pieces.map((piece) => sizeOf(program.values[piece]!.shape));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const whole = program.values.length;
  return {
    ...program,
    values: [
      ...program.values,
      { shape: axis === 1 ? [1, total] : [total], dtype: program.values[pieces[0]!]!.dtype },
    ],
    inputs: [...program.inputs.filter(({ value }) => !pieces.includes(value)), { name, value: whole }],
    instructions: [
      {
        kernel: 'SplitV',
        attrs: { numOrSizeSplits: sizes, axis },
        inputs: [{ name: 'x', value: whole }],
        outputs: pieces,
      },
      ...program.instructions,
    ],
  };
}
