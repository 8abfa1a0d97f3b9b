import { dotStates, type Engine, type GradientStrategy, type Method, type State } from '@odegrad/core';
import { median } from 'simple-statistics';
import { differentiateChain, type Chain, type ChainGradient, type Loss } from './chain.ts';

/** What one strategy gave and took on a chain; `odegrad gradients` prints it with the settings. */
export interface Comparison {
  readonly strategy: string;
  readonly exact: boolean;
  /** Accepted steps of one component. */
  readonly steps: number;
  readonly keptStateBytes: number;
  readonly activationBytesPeak: number;
  readonly evaluationsForward: number;
  readonly evaluationsBackward: number;
  readonly pullbacks: number;
  /** Steps advanced again in the backward pass. */
  readonly extraSteps: number;
  /** Largest difference from the reference's gradient, relative to the reference's largest entry. */
  readonly gradientError: number;
  readonly forwardMs: number;
  readonly backwardMs: number;
  /** Peak of everything that core held. */
  readonly bytesPeak: number;
}

/** Reads the numbers of an engine's array. */
export type Read<A> = (x: A) => ArrayLike<number>;

const SLOW_MS = 1000;
/** Short runs are repeated more often: their medians scatter more. */
const REPEATED_MS = 200;
/** Between how many and how many times. */
const RUNS = [3, 15] as const;

/**
 * Differentiates a chain with each strategy. Times are medians of `runs`, three to fifteen of them, after a first one that is
 * not counted, unless that one takes longer than a second: then it is the measurement.
 */
export function compareStrategies<A>(
  chain: Chain<A>,
  method: Method,
  reference: GradientStrategy,
  strategies: readonly GradientStrategy[],
  read: Read<A>,
  runs: readonly [fewest: number, most: number] = RUNS,
): Comparison[] {
  const { engine } = chain.fields[0]!;
  const wanted = measured(chain, method, reference, runs);
  try {
    return strategies.map((strategy) => {
      const run = strategy === reference ? wanted : measured(chain, method, strategy, runs);
      try {
        const { ledger, keptStateBytes, forwardMs, backwardMs } = run;
        return {
          strategy: strategy.name,
          exact: strategy.exact,
          steps: ledger.accepted / chain.fields.length,
          keptStateBytes,
          activationBytesPeak: ledger.activationBytesPeak,
          evaluationsForward: ledger.evaluationsForward,
          evaluationsBackward: ledger.evaluationsBackward,
          pullbacks: ledger.pullbacks,
          extraSteps: ledger.extraSteps,
          gradientError: relativeDifference(engine, read, entries(run), entries(wanted)),
          forwardMs,
          backwardMs,
          bytesPeak: ledger.bytesPeak,
        };
      } finally {
        if (run !== wanted) run.release();
      }
    });
  } finally {
    wanted.release();
  }
}

function measured<A>(
  chain: Chain<A>,
  method: Method,
  strategy: GradientStrategy,
  [fewest, most]: readonly [number, number],
): ChainGradient<A> {
  const first = differentiateChain(chain, strategy, method);
  if (first.forwardMs + first.backwardMs > SLOW_MS) return first;
  try {
    const length = Math.min(
      most,
      Math.max(fewest, Math.ceil(REPEATED_MS / (first.forwardMs + first.backwardMs))),
    );
    const runs = Array.from({ length }, () => {
      const run = differentiateChain(chain, strategy, method);
      run.release();
      return run;
    });
    return {
      ...first,
      forwardMs: median(runs.map((run) => run.forwardMs)),
      backwardMs: median(runs.map((run) => run.backwardMs)),
    };
  } catch (error) {
    first.release();
    throw error;
  }
}

function entries<A>({ y0, parameters }: ChainGradient<A>): State<A> {
  return [...y0, ...parameters.flat()];
}

/** max |x − y| over all entries, relative to max |y|. */
function relativeDifference<A>(engine: Engine<A>, read: Read<A>, x: State<A>, y: State<A>): number {
  const largest = (part: A): number =>
    Array.from(read(part)).reduce((max, v) => Math.max(max, Math.abs(v)), 0);
  const size = Math.max(...y.map(largest));
  const differences = y.map((part, i) => {
    // Subtracted by the engine, in its own precision; `read` may round to less.
    const difference = engine.combine(x[i], [{ coefficient: -1, value: part }]);
    try {
      return largest(difference);
    } finally {
      engine.release(difference);
    }
  });
  const difference = Math.max(...differences);
  return difference === 0 ? 0 : difference / size;
}

/** ℒ = Σ y² of the last output alone, or of all of them. */
export function sumOfSquares<A>(
  engine: Engine<A>,
  ys: readonly State<A>[],
  of: 'last' | 'all' = 'last',
): Loss<A> {
  const counts = ys.map((_, i) => of === 'all' || i === ys.length - 1);
  return {
    value: ys.reduce((sum, y, i) => (counts[i] ? sum + dotStates(engine, y, y) : sum), 0),
    cotangents: ys.map((y, i) =>
      counts[i] ? y.map((x) => engine.combine(undefined, [{ coefficient: 2, value: x }])) : undefined,
    ),
  };
}
