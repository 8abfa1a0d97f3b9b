import {
  createLedger,
  type GradientStrategy,
  type Ledger,
  type Method,
  type Solution,
  type State,
  type VectorField,
} from '@odegrad/core';

/** Solves that follow one another: each begins where the one before ended, with parameters of its own. */
export interface Chain<A> {
  readonly fields: readonly VectorField<A>[];
  readonly y0: State<A>;
  readonly ts: readonly number[];
  /** ℒ of the outputs of the last solve. */
  readonly loss: (ys: readonly State<A>[]) => Loss<A>;
}

/** ℒ of the outputs of the last solve, and ∂ℒ/∂ys; who asked for it owns the arrays. */
export interface Loss<A> {
  readonly value: number;
  readonly cotangents: readonly (State<A> | undefined)[];
}

/** A gradient through a chain, and what it took. */
export interface ChainGradient<A> {
  readonly loss: number;
  readonly y0: State<A>;
  /** One list for each component. */
  readonly parameters: readonly State<A>[];
  readonly ledger: Ledger;
  /** Bytes of states held at the end of the forward pass of all components. */
  readonly keptStateBytes: number;
  readonly forwardMs: number;
  readonly backwardMs: number;
  release(): void;
}

/** Solves a chain forward and pulls the cotangents back through all of it, on one ledger. */
export function differentiateChain<A>(
  { fields, y0, ts, loss }: Chain<A>,
  strategy: GradientStrategy,
  method: Method,
): ChainGradient<A> {
  const ledger = createLedger();
  const solutions: Solution<A>[] = [];
  const owned: A[] = [];
  const release = (): void => {
    solutions.forEach((solution) => {
      solution.release();
    });
    const { engine } = fields[0]!;
    for (const x of owned.splice(0)) engine.release(x);
  };
  try {
    const start = performance.now();
    let y = y0;
    for (const field of fields) {
      const solution = strategy.solve({ field, y0: y, ts }, { ...method, ledger });
      solutions.push(solution);
      y = solution.ys.at(-1)!;
    }
    const { keptStateBytes } = ledger;
    const turn = performance.now();

    const { value, cotangents } = loss(solutions.at(-1)!.ys);
    let incoming = cotangents;
    owned.push(...incoming.flatMap((part) => part ?? []));
    const parameters: State<A>[] = [];
    for (const solution of solutions.toReversed()) {
      const gradient = solution.pullback(incoming);
      owned.push(...gradient.y0, ...gradient.parameters);
      parameters.unshift(gradient.parameters);
      // What this solve kept is not needed any more; the states at its ends may be a neighbour's.
      solution.release();
      incoming = ts.map((_, i) => (i === ts.length - 1 ? gradient.y0 : undefined));
    }
    const lambda = incoming.at(-1)!;
    return {
      loss: value,
      y0: lambda,
      parameters,
      ledger,
      keptStateBytes,
      forwardMs: turn - start,
      backwardMs: performance.now() - turn,
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}
