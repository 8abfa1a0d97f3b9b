import { ArgumentError, check, forward, stream, valueThat, type Reached, type Rule } from '@odegrad/core';
import { checkCall, type Call } from './arguments.ts';
import { enter, type Entered } from './entered.ts';
import type { FieldEngine } from '../eager/field-engine.ts';
import { outputsOf } from './outputs.ts';
import type { Part } from './parts.ts';
import { environmentOfCall, readsAtStart } from './reads.ts';
import { STEPS, type StepsOptions } from './steps-options.ts';
import type { LikeState, Model, OdeState, VectorFieldFunction } from './state.ts';
import type { Environment } from '../tape/environment.ts';
import { isolated } from '../tape/tape.ts';
import { offTape } from './turns.ts';

/** One step that was accepted. */
export interface OdeStep<S> {
  /** Where it ends. */
  readonly t: number;
  /** Its size; negative backward. */
  readonly h: number;
  /** How many there were, with this one. */
  readonly steps: number;
  /**
   * The state at `t`, of the structure of y0. Made when it is read, and lent until the next step: what is to live longer is cloned, and
   * nothing is to be disposed of. (Doubles are plain values, and live.)
   */
  readonly y: LikeState<S>;
  /** Euclidean norm of the state. Computed when it is read. */
  readonly norm: number;
}

const time: Rule = valueThat('a finite number', Number.isFinite);

/**
 * The steps of dy/dt = f(t, y, args), y(t0) = y0, one by one: `for (const { t, y } of steps(f, y0, t0))`. As many as are asked for, to
 * `until` or without an end: for animations, and where what comes of a step says whether to go on. Nothing happens before the first is
 * asked for; what f reads has the values of that moment until the loop is left. Leaving it, by `break`, by an error or at its end, frees
 * everything. No gradient flows through: the states are on no tape. Between two steps anything may be done, other solves included.
 *
 * @throws {ArgumentError} for arguments that make no sense, {RegistryError} for unknown names, both with the first step, {SolveError}
 * if the solve cannot go on.
 */
export function* steps<const S extends OdeState, A = undefined>(
  f: NoInfer<VectorFieldFunction<S, A> | Model>,
  y0: S,
  t0: number,
  options: StepsOptions<A> = {},
): Generator<OdeStep<S>, void, undefined> {
  check('t0', t0, time);
  const checked = checkCall<S, A>(f, y0, [t0], options, STEPS);
  const { args, stops } = checked;
  let environment: Environment | undefined;
  try {
    // Without a gradient, jumps are numbers.
    const call = {
      ...checked,
      outputs: 'land' as const,
      ts: [t0, options.until ?? Infinity],
      stops: { ...stops, jumpsTensor: undefined },
    };
    environment = environmentOfCall(call, readsAtStart(call));
    yield* walk(call.engine, call, environment);
  } finally {
    environment?.release();
    args.release();
  }
}

function* walk<A, S, P extends Part>(
  provider: FieldEngine<A>,
  call: Call<S, P>,
  environment: Environment,
): Generator<OdeStep<S>, void, undefined> {
  const outputs = outputsOf(call, forward);
  const entered = isolated(() => enter(provider, call, outputs, { parameters: [] }, environment));
  const { problem, method } = entered;
  try {
    for (const reached of offTape(stream(problem, method))) {
      const { step, end } = lend(reached, call, entered);
      try {
        yield step;
      } finally {
        end();
      }
    }
  } finally {
    entered.release();
  }
}

/** What the user sees of a step until it ends. */
function lend<A, S, P extends Part>(
  reached: Reached<A>,
  { structure, kind }: Call<S, P>,
  { port, shapes }: Entered<A, P>,
): { readonly step: OdeStep<S>; readonly end: () => void } {
  const { t, h, steps } = reached;
  let isOver = false;
  let parts: P[] | undefined;
  const within = <T>(read: () => T): T => {
    if (!isOver) return isolated(read);
    throw new ArgumentError(
      `The step to t = ${t} is over, and its state is gone. Read \`y\` and \`norm\` before the next step, and clone what is to live ` +
        'longer.',
    );
  };
  return {
    step: {
      t,
      h,
      steps,
      get y() {
        const read = (): P[] => kind.keep(reached.y.map((x, i) => port.leave(x, shapes[i]!)));
        return structure.unflatten(within(() => (parts ??= read())));
      },
      get norm() {
        return within(() => reached.norm);
      },
    },
    end() {
      isOver = true;
      if (parts) kind.dispose(parts);
    },
  };
}
