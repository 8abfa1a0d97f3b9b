import { EngineError } from '@odegrad/core';
import { tfjsEngine, type FieldEngine } from '@odegrad/engine-tfjs';
import { engine, type Tensor } from '@tensorflow/tfjs-core';

import { createTraceCache } from './cache.ts';
import { checkRecording, checkSlope, evaluateEagerly } from './purity.ts';
import { prepareReplays, replayedField, type ReplayField } from './replay-field.ts';

interface Made {
  readonly replays: ReplayField;
  checks: number;
  eagerMs: number;
}

const traces = createTraceCache<Made>((traced) => ({
  replays: prepareReplays({ forward: () => traced.forward, gradient: traced.gradient }),
  checks: 0,
  eagerMs: 0,
}));

/** An engine named `replay` that runs recorded kernels on TensorFlow.js' current backend, in float32. */
export const replayEngine: FieldEngine<Tensor> = {
  name: 'replay',
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
    if (made.checks++ > 0 && traced.traceMs < made.eagerMs) checkRecording(request, traced.forward);
    else {
      const { slope, ms } = evaluateEagerly(request);
      made.eagerMs = ms;
      const found = field.evaluate(request.t0, request.y0);
      checkSlope(
        found.map((x) => x.dataSync<'float32'>()),
        slope,
      );
      found.forEach((x) => {
        x.dispose();
      });
    }
    return { ...eager, field };
  },
};
