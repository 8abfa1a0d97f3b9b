import {
  concat,
  customGrad,
  clone,
  reshape,
  slice,
  tidy,
  Variable,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { ArgumentError, EngineError } from '@odegrad/core';
import type { Call } from './arguments.ts';
import { hasDerivative } from '../tape/discrete.ts';
import { tapeOrigins } from '../tape/origins.ts';
import { allReads, eventReadsOf, readsOf, variablesOf, withArgs } from './reads.ts';
import { run, type Run, type RunGradient } from './run.ts';
import { sizeOf, type Shape } from '../tape/shape.ts';
import {
  abandonGradient,
  isDifferentiatedAgain,
  isolated,
  recordOperation,
  whenTapeEnds,
} from '../tape/tape.ts';
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
export function differentiable<S>(call: Call<S, Tensor>, readout: Readout): Tensor[] {
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
    const { packed, shapes } = packedOf(readout, solved);
    recordOperation('odeint', inputs, packed, (cotangent, isWanted) => {
      const wanted = perhaps.filter(isWanted);
      const again = wanted.length > 0 ? solved.within(() => forwardPass(wanted)) : undefined;
      try {
        const {
          y0: first,
          parameters: rest,
          ts,
          jumpAt,
        } = gradientOf(again ?? solved, cotangent, (x) => readout.cotangents(unpack(x, shapes)), inputs);
        const found = new Map([...parameters, ...wanted].map((x, i) => [x, rest[i]]));
        return [
          ...first,
          ...[...parameters, ...perhaps].map((x) => found.get(x)),
          ...(ts ? [ts] : []),
          ...(jumpAt ? [jumpAt] : []),
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

/** Pulls the cotangent of the packed results back. */
function gradientOf(
  solved: Run<Tensor>,
  cotangent: Tensor,
  unpacked: (cotangent: Tensor) => ReturnType<Readout['cotangents']>,
  inputs: readonly Tensor[],
): RunGradient<Tensor> {
  const again = isDifferentiatedAgain();
  // Of a gradient that is differentiated again it is recorded that it cannot be.
  const given = (x: Tensor): Tensor => (again ? onceDifferentiable(x, [cotangent, ...inputs]) : x);
  try {
    const { y0, parameters, ts, jumpAt } = isolated(() =>
      tidy<never>(() => solved.pullback(...unpacked(cotangent)) as never),
    ) as RunGradient<Tensor>;
    return {
      y0: y0.map(given),
      parameters: parameters.map(given),
      ts: ts && given(ts),
      jumpAt: jumpAt && given(jumpAt),
    };
  } catch (error) {
    if (!again) abandonGradient();
    throw error;
  }
}

/** A gradient that depends on `sources` in a way that is not recorded, and says so when it matters. */
function onceDifferentiable(gradient: Tensor, sources: readonly Tensor[]): Tensor {
  return customGrad(() => ({
    value: clone(gradient),
    gradFunc: () => {
      abandonGradient();
      throw new EngineError(
        'The gradient of odeint cannot be differentiated again: second derivatives through a solve are not ' +
          'implemented. (A tf.grad inside f is fine.)',
      );
    },
  }))(...sources);
}

// A custom gradient has one output, so several results travel as one vector. A single one is itself.
function packedOf(
  readout: Readout,
  solved: Run<Tensor>,
): { readonly packed: Tensor; readonly shapes: readonly Shape[] } {
  let shapes: readonly Shape[] = [];
  const packed = tidy(() => {
    const results = readout.results(solved);
    shapes = results.map(({ shape }) => shape);
    return results.length === 1 ? results[0]! : concat(results.map((x) => reshape(x, [-1])));
  });
  return { packed, shapes };
}

function unpack(packed: Tensor, shapes: readonly Shape[]): Tensor[] {
  if (shapes.length === 1) return [packed];
  let offset = 0;
  return shapes.map((shape) => {
    const length = sizeOf(shape);
    const part = reshape(slice(packed, [offset], [length]), [...shape]);
    offset += length;
    return part;
  });
}
