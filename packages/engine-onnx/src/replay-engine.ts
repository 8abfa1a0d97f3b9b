import { checkAlive, tfjsEngine, type FieldEngine } from '@odegrad/engine-tfjs';
import { dispose, engine, type Tensor } from '@tensorflow/tfjs-core';

import { createTraceCache } from './cache.ts';
import { checkTrainable, findParameters } from './found-parameters.ts';
import { checkPurity } from './purity.ts';
import { prepareReplays, replayedField, type ReplayField } from './replay-field.ts';

const traces = createTraceCache<ReplayField>((traced) =>
  prepareReplays({ forward: () => traced.forward, gradient: traced.gradient }),
);

/** An engine named `replay` that runs recorded kernels on TensorFlow.js' current backend, in float32. */
export const replayEngine: FieldEngine<Tensor> = {
  name: 'replay',
  findParameters,
  prepare(request) {
    const eager = tfjsEngine.prepare(request);
    const traced = traces(request, engine().backendName);
    const { made: replays, others, shapes, forward } = traced;
    checkAlive(others);
    checkTrainable(request, others);
    const field = replayedField(replays, eager.field, request.parameters, others, shapes);
    checkPurity(request, forward, () => {
      const slope = field.evaluate(request.t0, request.y0);
      const values = slope.map((x) => x.dataSync());
      dispose([...slope]);
      return values;
    });
    return { ...eager, field };
  },
};
