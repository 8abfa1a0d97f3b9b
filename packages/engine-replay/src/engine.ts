import { checkAlive, requireFloat32, tfjsEngine, type FieldEngine } from '@odegrad/engine-tfjs';
import { checkMissed, checkGuards, createTraceCache, findReads } from '@odegrad/trace';
import { dispose, engine, type Tensor } from '@tensorflow/tfjs-core';

import { prepareReplays, replayedField, type ReplayField } from './field.ts';

const traces = createTraceCache<ReplayField>((traced) =>
  prepareReplays({ forward: () => traced.forward, gradient: traced.gradient }),
);

/** An engine named `replay` that runs recorded kernels on TensorFlow.js' current backend, in float32. */
export const replayEngine: FieldEngine<Tensor> = {
  name: 'replay',
  findReads,
  prepare(request) {
    requireFloat32('replay', request.dtype);
    const eager = tfjsEngine.prepare(request);
    const { traced, others } = traces(request, engine().backendName);
    const { made: replays, shapes, forward } = traced;
    checkAlive(others);
    checkMissed(request, others);
    const field = replayedField(replays, eager.field, others, shapes, request.within);
    checkGuards(request, forward, () => {
      const slope = field.evaluate(request.t0, request.y0);
      const values = slope.map((x) => x.dataSync());
      dispose([...slope]);
      return values;
    });
    return { ...eager, field };
  },
};
