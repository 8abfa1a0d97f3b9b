import { settings } from '@odegrad/trace';

import { map, zip, type LoweringTable } from './context.ts';

/** Normalisation. */
export const normalisations: LoweringTable = {
  FusedBatchNorm: ({ graph, attrs, of, maybe }) => {
    const epsilon = graph.scalar(settings.epsilonOf(attrs));
    const deviation = map(graph, 'Sqrt', zip(graph, 'Add', of('variance'), epsilon));
    const normal = zip(graph, 'Div', zip(graph, 'Sub', of('x'), of('mean')), deviation);
    const [scale, offset] = [maybe('scale'), maybe('offset')];
    const scaled = scale ? zip(graph, 'Mul', normal, scale) : normal;
    return offset ? zip(graph, 'Add', scaled, offset) : scaled;
  },
};
