import { tidy, Variable, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError } from '@odegrad/core';
import { lasting, type Again, type Along } from './again.ts';
import type { Call } from './arguments.ts';
import { hasDerivative } from '../tape/discrete.ts';
import { tapeOrigins } from '../tape/origins.ts';
import { allReads, eventReadsOf, readsOf, variablesOf, withArgs } from './reads.ts';
import { run, type Run, type RunGradient } from './run.ts';
import { packedOf, unpack } from './packed.ts';
import { abandonGradient, isolated, recordOperation, whenTapeEnds } from '../tape/tape.ts';
import { tensorParts } from './tensor-parts.ts';

/** @throws {ArgumentError} for states in doubles. */
export function onTape<S>(call: Call<S>): Call<S, Tensor> {
  if (call.kind === tensorParts) return call as Call<S, Tensor>;
  throw new ArgumentError(
    'y0 is in doubles, and the tape of TensorFlow.js has float32 tensors only: its gradient would be lost. Take ' +
      'solve(…).pullback(…), which needs no tape, or call it outside tf.grads.',
  );
}

/** What of a solve is on the tape. */
export interface Readout {
  /** New tensors. */
  results(solved: Run<Tensor>): readonly Tensor[];
  /** Cotangents of those, as a run takes them. */
  cotangents(results: readonly Tensor[]): Parameters<Run<Tensor>['pullback']>;
}

/** The solve as one operation on the tape that is on. */
export function differentiable<S>(call: Call<S, Tensor>, readout: Readout, secondly: Again): Tensor[] {
  const strategy = call.gradient();
  const reads = readsOf(call);
  const eventReads = eventReadsOf(call);
  const { parameters, perhaps, isMissed } = dependenciesOf(call, allReads({ reads, eventReads }));
  const { y0, timesTensor, stops } = call;
  const { jumpsTensor } = stops;
  const inputs = [
    ...y0,
    ...parameters,
    ...perhaps,
    ...(timesTensor ? [timesTensor] : []),
    ...(jumpsTensor ? [jumpsTensor] : []),
  ];
  const forwardPass = (more: readonly Tensor[]): Run<Tensor> =>
    run(call, strategy, { parameters: [...parameters, ...more], reads, eventReads, isMissed });

  const solved = forwardPass([]);
  try {
    const { packed, shapes } = packedOf(() => readout.results(solved));
    const byResult = (x: Tensor): Tensor[] => unpack(x, shapes);
    recordOperation('odeint', inputs, packed, (cotangent, isWanted) => {
      const wanted = perhaps.filter(isWanted);
      const again = wanted.length > 0 ? solved.within(() => forwardPass(wanted)) : undefined;
      try {
        const found = gradientOf(again ?? solved, () => readout.cotangents(byResult(cotangent)));
        const moving = [...parameters, ...wanted];
        const of = { cotangent, byResult, inputs, within: solved.within };
        const along = (w: readonly Tensor[]): Along => ({
          y0: w.slice(0, y0.length),
          parameters: moving,
          directions: w.slice(y0.length),
        });
        const states = lasting(
          [...found.y0, ...found.parameters],
          of,
          typeof secondly === 'string' ? secondly : (w) => secondly(along(w)),
        );
        const byInput = new Map(moving.map((x, i) => [x, states[y0.length + i]]));
        return [
          ...states.slice(0, y0.length),
          ...[...parameters, ...perhaps].map((x) => byInput.get(x)),
          ...lasting(
            [found.ts, found.jumpAt].filter((x) => x !== undefined),
            of,
            'where the first derivative is to times, a second is not implemented.',
          ),
        ];
      } finally {
        again?.release();
      }
    });
    whenTapeEnds(() => {
      solved.release();
      call.args.release();
    });
    return unpack(packed, shapes);
  } catch (error) {
    solved.release();
    throw error;
  }
}

/** What a solve on a tape depends on besides y0 and the times. */
interface Dependencies {
  readonly parameters: readonly Tensor[];
  /**
   * What may be what the gradient is taken for. TensorFlow.js tells in the backward pass alone; then the solve is made once more,
   * with these among its parameters. Constants such as data cost nothing so.
   */
  readonly perhaps: readonly Tensor[];
  readonly isMissed: (x: Tensor) => boolean;
}

function dependenciesOf<S>(call: Call<S, Tensor>, reads: readonly Tensor[]): Dependencies {
  const originOf = tapeOrigins();
  const captured = withArgs(reads, call).filter((x) => !(x instanceof Variable));
  const parameters = [
    ...variablesOf(call, reads),
    ...captured.filter((x) => originOf(x) === 'differentiated'),
  ];
  const perhaps = withArgs(reads, call).filter((x) => !parameters.includes(x) && originOf(x) === 'perhaps');
  return {
    parameters,
    perhaps,
    isMissed: (x) =>
      x instanceof Variable
        ? !call.params && hasDerivative(x)
        : originOf(x) !== 'constant' && !perhaps.includes(x),
  };
}

/** Pulls cotangents of the results back. */
function gradientOf(
  solved: Run<Tensor>,
  cotangents: () => ReturnType<Readout['cotangents']>,
): RunGradient<Tensor> {
  try {
    return isolated(() => tidy<never>(() => solved.pullback(...cotangents()) as never));
  } catch (error) {
    abandonGradient();
    throw error;
  }
}
