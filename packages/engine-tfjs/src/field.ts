import { keep, scalar, tidy, zerosLike, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { ArgumentError, type Linearization, type VectorField } from '@odegrad/core';
import { tensorEngine } from './engine.ts';
import { hasDerivative } from './discrete.ts';
import { explained } from './explain.ts';
import type { FlatField } from './field-engine.ts';
import { internals } from './internals.ts';
import { keepAll, ownedSince } from './ownership.ts';
import { record, type Recording } from './recording.ts';
import { smoothGradients } from './smooth.ts';
import { isolated } from './tape.ts';

/** What a vector field is made of. */
export interface FieldSource {
  readonly f: FlatField;
  readonly parameters: readonly Variable[];
  /** Whether f may read trainable variables that are not among the parameters. */
  readonly othersAllowed: boolean;
}

/** The vector field of a function on tensors: f runs eagerly, and on a tape of its own to be differentiated. */
export function vectorField({ f, parameters, othersAllowed }: FieldSource): VectorField<Tensor> {
  const known = new Set(parameters);

  const pullbackOf =
    (recording: Recording, time: Tensor, y: readonly Tensor[]): Linearization<Tensor>['pullback'] =>
    (cotangent, withTime) => {
      const points = [...y, ...parameters];
      const found = explained(() => recording.pullback(cotangent, withTime ? [...points, time] : points));
      const timeBar = withTime ? found.pop() : undefined;
      const all = found.map((x, i) => x ?? keep(zerosLike(points[i]!)));
      const t = timeBar ? timeBar.dataSync()[0]! : 0;
      timeBar?.dispose();
      return { t, y: all.slice(0, y.length), parameters: all.slice(y.length) };
    };

  return {
    engine: tensorEngine,
    parameters,
    evaluate(t, y) {
      const mark = internals().nextTensorId();
      return isolated(() => smoothGradients(() => tidy(() => keepAll(ownedSince(mark, f(scalar(t), y))))));
    },
    linearize(t, y) {
      const time = scalar(t);
      try {
        const recording = record(() => f(time, y));
        if (!othersAllowed) {
          const other = recording.variables.find((v) => hasDerivative(v) && !known.has(v));
          if (other) throw unlisted(other, t, recording);
        }
        return {
          value: recording.values,
          bytes: recording.bytes,
          pullback: pullbackOf(recording, time, y),
          release: () => recording.release(),
        };
      } finally {
        time.dispose();
      }
    },
  };
}

function unlisted({ name }: Variable, t: number, recording: Recording): ArgumentError {
  recording.release();
  for (const value of recording.values) value.dispose();
  return new ArgumentError(
    `f reads the trainable variable '${name}' at t = ${t}, but did not at the first time, where variables are ` +
      `looked for. Its gradient would be lost: list all of them, \`params: [...]\`.`,
  );
}
