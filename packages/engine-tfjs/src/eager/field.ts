import { keep, scalar, tidy, Variable, zerosLike, type Tensor } from '@tensorflow/tfjs-core';
import { ArgumentError, type Linearization, type VectorField } from '@odegrad/core';
import { tensorEngine } from './engine.ts';
import { explained } from './explain.ts';
import type { FieldRequest } from './field-engine.ts';
import { internals } from '../tape/internals.ts';
import { keepAll, ownedSince } from '../tape/ownership.ts';
import { record, type Recording } from './recording.ts';
import { smoothGradients } from './smooth.ts';
import { inBrackets } from '../tape/shape.ts';
import { isolated } from '../tape/tape.ts';

/** What the vector field of a function is made of. */
export type FieldSource = Pick<FieldRequest, 'f' | 'parameters' | 'isMissed' | 'within'>;

/** The vector field of a function on tensors: f runs eagerly, and on a tape of its own to be differentiated. */
export function vectorField({
  f,
  parameters,
  isMissed = () => false,
  within = (body) => body(),
}: FieldSource): VectorField<Tensor> {
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
      return within(() =>
        isolated(() => smoothGradients(() => tidy(() => keepAll(ownedSince(mark, f(scalar(t), y)))))),
      );
    },
    linearize(t, y) {
      const time = scalar(t);
      try {
        const recording = within(() => record(() => f(time, y)));
        const missed = recording.reads.find(
          (x) => x !== time && !y.includes(x) && !known.has(x) && isMissed(x),
        );
        if (missed) throw unlisted(missed, t, recording);
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

function unlisted(x: Tensor, t: number, recording: Recording): ArgumentError {
  recording.release();
  for (const value of recording.values) value.dispose();
  const [what, remedy] =
    x instanceof Variable
      ? [`the trainable variable '${x.name}'`, 'list all of them, `params: [...]`']
      : [
          `a tensor from outside, of shape ${inBrackets(x.shape)},`,
          'let f read it at every time; or, if it is a constant, make it a tf.variable(x, false)',
        ];
  return new ArgumentError(
    `f reads ${what} at t = ${t}, but did not at the first time, where what it depends on is looked for. Its gradient ` +
      `would be lost: ${remedy}.`,
  );
}
