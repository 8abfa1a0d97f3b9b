import { EngineError } from '@odegrad/core';
import { tfjsEngine, type FieldEngine } from '@odegrad/engine-tfjs';
import { dispose, engine, type Tensor } from '@tensorflow/tfjs-core';

import { createTraceCache } from './cache.ts';
import { findParameters, recordingFor } from './found-parameters.ts';
import { checkPurity, evaluateEagerly } from './purity.ts';
import { prepareReplays, replayedField, type ReplayField } from './replay-field.ts';

interface Made {
  readonly replays: ReplayField;
  checked: boolean;
}

const traces = createTraceCache<Made>((traced) => ({
  replays: prepareReplays({ forward: () => traced.forward, gradient: traced.gradient }),
  checked: false,
}));

/** An engine named `replay` that runs recorded kernels on TensorFlow.js' current backend, in float32. */
export const replayEngine: FieldEngine<Tensor> = {
  name: 'replay',
  findParameters,
  prepare(request) {
    const eager = tfjsEngine.prepare(request);
    const traced = traces(request, engine().backendName);
    const { made, others, shapes } = traced;
    const missed = request.parametersFound === true ? others.find(({ trainable }) => trainable) : undefined;
    if (missed) {
      throw new EngineError(
        `f reads trainable variable ${missed.name}, which it did not read at (t0, y0). List its variables in \`parameters\`.`,
      );
    }
    const field = replayedField(made.replays, eager.field, request.parameters, others, shapes);
    checkPurity(traced, {
      recording: () => recordingFor(request).program,
      eager: () => evaluateEagerly(request),
      slope() {
        const slope = field.evaluate(request.t0, request.y0);
        const values = slope.map((x) => x.dataSync());
        dispose([...slope]);
        return values;
      },
    });
    return { ...eager, field };
  },
};
