import { settings } from '@odegrad/trace';

import { map, where, zip, type Lowering, type LoweringTable } from './context.ts';
import { expm1 } from './elementary.ts';
import type { Edge, Graph } from './graph.ts';

// Klambauer et al. (2017), Self-Normalizing Neural Networks, equation 14; the digits that TensorFlow.js uses.
const SELU_ALPHA = 1.7580993408473768;
const SELU_SCALE = 1.0507009873554805;

/** log(1 + eˣ) = max(x, 0) − log σ(|x|): nothing overflows, and every part is vectorised. */
function softplus(graph: Graph, x: Edge): Edge {
  const tail = map(graph, 'Log', map(graph, 'Sigmoid', map(graph, 'Abs', x)));
  return zip(graph, 'Sub', map(graph, 'Relu', x), tail);
}

function elu(graph: Graph, x: Edge): Edge {
  if (x.type === 'float32') return map(graph, 'Elu', x);
  const negative = expm1(graph, zip(graph, 'Min', x, graph.scalar(0)));
  return where(graph, zip(graph, 'Greater', x, graph.scalar(0), { type: 'bool' }), x, negative);
}

function selu(graph: Graph, x: Edge): Edge {
  if (x.type === 'float32')
    return map(graph, 'Selu', x, { alpha: { float: SELU_ALPHA / SELU_SCALE }, gamma: { float: SELU_SCALE } });
  const negative = zip(
    graph,
    'Mul',
    expm1(graph, zip(graph, 'Min', x, graph.scalar(0))),
    graph.scalar(SELU_ALPHA),
  );
  const positive = zip(graph, 'Mul', x, graph.scalar(SELU_SCALE));
  return where(graph, zip(graph, 'Greater', x, graph.scalar(0), { type: 'bool' }), positive, negative);
}

/** The activation that a fused kernel names. */
export function activate(
  graph: Graph,
  name: string,
  x: Edge,
  options: { alpha: number; weights: Edge | undefined },
): Edge | undefined {
  switch (name) {
    case 'linear':
      return x;
    case 'relu':
      return map(graph, 'Relu', x);
    case 'relu6':
      return graph.node('Clip', [x, graph.scalar(0), graph.scalar(6)], x.shape);
    case 'elu':
      return elu(graph, x);
    case 'sigmoid':
      return map(graph, 'Sigmoid', x);
    case 'leakyrelu':
      return leakyRelu(graph, x, options.alpha);
    case 'prelu':
      return options.weights && prelu(graph, x, options.weights);
    default:
      return undefined;
  }
}

function leakyRelu(graph: Graph, x: Edge, alpha: number): Edge {
  // An attribute is a float32 whatever the precision of x.
  if (x.type === 'float64') return prelu(graph, x, graph.scalar(alpha));
  return map(graph, 'LeakyRelu', x, { alpha: { float: alpha } });
}

function prelu(graph: Graph, x: Edge, alpha: Edge): Edge {
  const below = zip(graph, 'Mul', zip(graph, 'Min', x, graph.scalar(0)), alpha);
  return zip(graph, 'Add', map(graph, 'Relu', x), below);
}

const alongAxis =
  (op: string): Lowering =>
  ({ graph, attrs, operands: [x] }) =>
    map(graph, op, x!, { axis: settings.axesOf(attrs, x!.shape.length)[0]! });

/** Activation functions and their own gradient kernels. */
export const activations: LoweringTable = {
  Relu: ({ graph, operands: [x] }) => map(graph, 'Relu', x!),
  Relu6: ({ graph, operands: [x] }) =>
    graph.node('Clip', [x!, graph.scalar(0, x!.type), graph.scalar(6, x!.type)], x!.shape),
  LeakyRelu: ({ graph, attrs, operands: [x] }) => leakyRelu(graph, x!, settings.alphaOf(attrs)),
  Prelu: ({ graph, of }) => prelu(graph, of('x'), of('alpha')),
  Elu: ({ graph, operands: [x] }) => elu(graph, x!),
  // dy where y ≥ 0, dy (y + 1) below.
  EluGrad: ({ graph, of }) =>
    zip(
      graph,
      'Mul',
      of('dy'),
      zip(graph, 'Add', zip(graph, 'Min', of('y'), graph.scalar(0)), graph.scalar(1)),
    ),
  Selu: ({ graph, operands: [x] }) => selu(graph, x!),
  Sigmoid: ({ graph, operands: [x] }) => map(graph, 'Sigmoid', x!),
  Softplus: ({ graph, operands: [x] }) => softplus(graph, x!),
  Tanh: ({ graph, operands: [x] }) => map(graph, 'Tanh', x!),
  Softmax: alongAxis('Softmax'),
  LogSoftmax: alongAxis('LogSoftmax'),
};
