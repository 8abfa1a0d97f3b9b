import {
  ArgumentError,
  dotStates,
  sizeOf,
  stageTime,
  type DifferentiableSolver,
  type Engine,
  type FieldAtPoints,
  type Linearization,
  type Span,
  type Stage,
  type State,
} from '@odegrad/core';

import { verifyPartitioned, type Group, type PartitionedTableau } from './tableau.ts';

/**
 * The explicit partitioned method of a tableau. Backward K̄_i = h b_i λ + h Σ_{j>i} a_ji g_j holds in either group with weights of its own, and
 * so the gradient is that of the discrete solution.
 *
 * @throws {TableauError} unless the tableau has the order it claims.
 */
export function partitionedRungeKutta(tableau: PartitionedTableau): DifferentiableSolver {
  verifyPartitioned(tableau);
  const { name } = tableau;
  const unknown = (): never => {
    throw new ArgumentError(
      `Solver '${name}' takes positions and momenta apart: give y0 as { q, p }, or say with \`partition\` which of its parts are which, as in ` +
        `{ place: 'q', speed: 'p' }. It serves exact gradients, not the continuous adjoint.`,
    );
  };
  // Engines keep what they compile by the solver, so one and the same is to come back.
  const known = new Map<string, DifferentiableSolver>();
  return {
    ...methodOf(tableau, []),
    traceable: false,
    step: unknown,
    restage: unknown,
    adjointStep: unknown,
    forSolve({ partition }) {
      if (!partition || new Set(partition).size !== 2) return unknown();
      const key = partition.join();
      if (!known.has(key)) known.set(key, methodOf(tableau, partition));
      return known.get(key)!;
    },
  };
}

function methodOf(tableau: PartitionedTableau, partition: readonly Group[]): DifferentiableSolver {
  const { name, order, c } = tableau;
  const stages = c.map((_, i) => i);
  const separable = new WeakSet<object>();

  /** `base + h Σ weightᵢ xᵢ` part by part, with the weights of its group; where there is no base and no weight, zeros. */
  const combine = <A>(
    engine: Engine<A>,
    base: State<A> | undefined,
    like: State<A>,
    weight: (group: Group, i: number) => number,
    xs: readonly (State<A> | undefined)[],
    h: number,
  ): State<A> =>
    like.map((part, n) => {
      const terms = xs.flatMap((x, i) => {
        const coefficient = x ? weight(partition[n]!, i) : 0;
        return coefficient === 0 ? [] : [{ coefficient, value: x![n]! }];
      });
      if (terms.length > 0) return engine.combine(base?.[n], terms, h);
      return base?.[n] ?? engine.zeros(part);
    });

  const pointOf = <A>(
    engine: Engine<A>,
    span: Span,
    y: State<A>,
    i: number,
    slopes: readonly State<A>[],
  ): State<A> => combine(engine, y, y, (group, j) => tableau[group].a[i]![j]!, slopes, sizeOf(span));

  return {
    name,
    order,
    stages: stages.length,
    traceable: true,

    checkField(engine, field, t, y) {
      if (separable.has(field)) return;
      checkSeparable(name, engine, field, t, y, partition);
      separable.add(field);
    },

    step(evaluator, span, y) {
      const { engine } = evaluator;
      const slopes: (typeof y)[] = [];
      const made = stages.map((i) => {
        const stage = evaluator.at(span, c[i]!, pointOf(engine, span, y, i, slopes));
        slopes.push(stage.slope!);
        return stage;
      });
      return {
        y: combine(engine, y, y, (group, i) => tableau[group].b[i]!, slopes, sizeOf(span)),
        stages: made,
      };
    },

    restage(evaluator, span, y, wanted) {
      const slopes: (typeof y)[] = [];
      return stages.map((i): Stage<(typeof y)[number]> => {
        const at = pointOf(evaluator.engine, span, y, i, slopes);
        if (wanted === 'needed' && i === stages.length - 1) return { t: stageTime(span, c[i]!), y: at };
        const stage = evaluator.at(span, c[i]!, at);
        slopes.push(stage.slope!);
        return stage;
      });
    },

    adjointStep({ engine, span, cotangent, pullback, withTime }) {
      const h = sizeOf(span);
      const g = stages.map((): typeof cotangent | undefined => undefined);
      let [tBar, hBar] = [0, 0];
      for (const i of stages.toReversed()) {
        const [lambda, ...later] = [cotangent, ...g] as const;
        const weight = (group: Group, j: number): number =>
          j === 0 ? tableau[group].b[i]! : (tableau[group].a[j - 1]![i] ?? 0);
        const own = combine(engine, undefined, cotangent, weight, [lambda, ...later], h);
        const pulled = pullback(i, own);
        g[i] = pulled.y;
        if (withTime) {
          // A step without length, between output times that touch, has K̄_i / h = b_i λ.
          const perStep = h === 0 ? combine(engine, undefined, cotangent, weight, [lambda], 1) : own;
          tBar += pulled.t;
          hBar += dotStates(engine, pulled.slope!, perStep) / (h || 1) + c[i]! * pulled.t;
        }
        for (const x of own) engine.release(x);
      }
      const y = cotangent.map((part, n) =>
        engine.combine(
          part,
          g.map((value) => ({ coefficient: 1, value: value![n]! })),
        ),
      );
      return { y, t0: tBar - hBar, t1: hBar };
    },
  };
}

/**
 * By two pullbacks: what is asked of the slopes of one group must not reach that group. They are taken beside y, as much of f is flat where
 * a solve begins: drag at rest, a product at zero.
 */
function checkSeparable<A>(
  solver: string,
  engine: Engine<A>,
  field: FieldAtPoints<A>,
  t: number,
  y: State<A>,
  partition: readonly Group[],
): void {
  const { entries } = engine;
  if (!entries) return;
  const made: A[] = [];
  const written = (values: Float64Array, like: A): A => {
    const x = entries.write(values, like);
    made.push(x);
    return x;
  };
  let linearization: Linearization<A> | undefined;
  try {
    linearization = field.linearize(
      t,
      y.map((part) => written(beside(entries.read(part)), part)),
    );
    made.push(...linearization.value);
    for (const group of ['q', 'p'] as const) {
      const cotangent = y.map((part, n) => {
        const values = entries.read(part);
        return written(partition[n] === group ? values.map((_, i) => irregular(i)) : values.fill(0), part);
      });
      const pulled = linearization.pullback(cotangent, false);
      made.push(...pulled.y, ...pulled.parameters);
      // What is not a number says nothing; where it comes from f, the first steps do.
      const meets = pulled.y.some(
        (x, n) => partition[n] === group && entries.read(x).some((entry) => Math.abs(entry) > 0),
      );
      if (meets)
        throw new ArgumentError(
          `Solver '${solver}' is for separable Hamiltonians, and here the slope of ${group} depends on ${group}. Take 'gauss4' of @odegrad/implicit, ` +
            `which is symplectic for all, or another solver.`,
        );
    }
  } finally {
    for (const x of new Set(made)) engine.release(x);
    linearization?.release();
  }
}

/** No two alike, so that differences do not cancel. */
const irregular = (i: number): number => 1 + Math.sin(i + 1) / 2;

/** Values some hundredths of the largest away. */
function beside(values: Float64Array): Float64Array {
  const scale = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1;
  return values.map((x, i) => x + (scale / 32) * irregular(i));
}
