import { settings } from '@odegrad/trace';

import { cast, LoweringError, map, where, zip, type Lowering, type LoweringTable } from './context.ts';
import { acos, acosh, asin, asinh, atan, atanh, cosh, erf, expm1, log1p, sinh, tan } from './elementary.ts';
import { onnxTypeOf, type Edge, type Graph } from './graph.ts';

const unary =
  (op: string): Lowering =>
  ({ graph, operands: [x] }) =>
    map(graph, op, x!);

const formula =
  (make: (graph: Graph, x: Edge) => Edge): Lowering =>
  ({ graph, operands: [x] }) =>
    make(graph, x!);

const binary =
  (op: string): Lowering =>
  ({ graph, of }) =>
    zip(graph, op, of('a'), of('b'));

const comparison =
  (op: string): Lowering =>
  ({ graph, of }) =>
    zip(graph, op, of('a'), of('b'), { type: 'bool' });

const real =
  (lowering: Lowering): Lowering =>
  (call) => {
    if (call.operands[0]!.type === 'int32')
      throw new LoweringError(call.kernel, 'of integers has no lowering');
    return lowering(call);
  };

const modulo: Lowering = ({ graph, of }) => {
  const [a, b] = [of('a'), of('b')];
  const remainder = (x: Edge): Edge => zip(graph, 'Mod', x, b, { attributes: { fmod: 1 } });
  const rest = remainder(a);
  const zero = graph.scalar(0, a.type);
  const opposite = zip(
    graph,
    'Xor',
    zip(graph, 'Less', a, zero, { type: 'bool' }),
    zip(graph, 'Less', b, zero, { type: 'bool' }),
    { type: 'bool' },
  );
  return where(graph, opposite, remainder(zip(graph, 'Add', rest, b)), rest);
};

const atan2: Lowering = ({ graph, of }) => {
  const [y, x] = [of('a'), of('b')];
  const zero = graph.scalar(0);
  const side = where(graph, zip(graph, 'Less', y, zero, { type: 'bool' }), graph.scalar(-1), graph.scalar(1));
  const turned = zip(graph, 'Mul', side, graph.scalar(Math.PI));
  const direct = atan(graph, zip(graph, 'Div', y, x));
  const left = zip(graph, 'Less', x, zero, { type: 'bool' });
  const upright = zip(graph, 'Mul', map(graph, 'Sign', y), graph.scalar(Math.PI / 2));
  const sloped = where(graph, left, zip(graph, 'Add', direct, turned), direct);
  return where(graph, zip(graph, 'Equal', x, zero, { type: 'bool' }), upright, sloped);
};

/** Elementwise arithmetic, elementary functions, comparisons and logic. */
export const elementwise: LoweringTable = {
  ...Object.fromEntries(
    'Abs Ceil Cos Exp Floor Log Neg Reciprocal Round Sign Sin Sqrt'.split(' ').map((op) => [op, unary(op)]),
  ),
  Acos: formula(acos),
  Acosh: formula(acosh),
  Asin: formula(asin),
  Asinh: formula(asinh),
  Atan: formula(atan),
  Atanh: formula(atanh),
  Cosh: formula(cosh),
  Erf: formula(erf),
  Expm1: formula(expm1),
  Log1p: formula(log1p),
  Sinh: formula(sinh),
  Tan: formula(tan),
  Rsqrt: formula((graph, x) => map(graph, 'Reciprocal', map(graph, 'Sqrt', x))),
  Square: formula((graph, x) => zip(graph, 'Mul', x, x)),
  Step: ({ graph, attrs, operands: [x] }) => {
    const positive = zip(graph, 'Greater', x!, graph.scalar(0, x!.type), { type: 'bool' });
    const below = settings.alphaOf(attrs);
    return below === 0
      ? cast(graph, positive, x!.type)
      : where(graph, positive, graph.scalar(1, x!.type), graph.scalar(below, x!.type));
  },
  ClipByValue: ({ graph, attrs, operands: [x] }) => {
    const [least, most] = settings.clipOf(attrs);
    return graph.node('Clip', [x!, graph.scalar(least, x!.type), graph.scalar(most, x!.type)], x!.shape);
  },
  Cast: ({ graph, attrs, operands: [x] }) =>
    cast(graph, x!, onnxTypeOf(settings.dtypeOf(attrs), graph.float)),

  Add: binary('Add'),
  Sub: binary('Sub'),
  Multiply: binary('Mul'),
  RealDiv: real(binary('Div')),
  FloorDiv: real(({ graph, of }) => map(graph, 'Floor', zip(graph, 'Div', of('a'), of('b')))),
  Pow: real(binary('Pow')),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Mod: real(modulo),
  Atan2: real(atan2),
  SquaredDifference: ({ graph, of }) => {
    const difference = zip(graph, 'Sub', of('a'), of('b'));
    return zip(graph, 'Mul', difference, difference);
  },
  AddN: ({ graph, operands, shape }) =>
    operands.length === 1 ? operands[0]! : graph.node('Sum', operands, shape),

  Equal: comparison('Equal'),
  NotEqual: ({ graph, of }) => map(graph, 'Not', zip(graph, 'Equal', of('a'), of('b'), { type: 'bool' })),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: comparison('And'),
  LogicalOr: comparison('Or'),
  LogicalXor: comparison('Xor'),
  LogicalNot: unary('Not'),
  IsNan: ({ graph, operands: [x] }) => graph.node('IsNaN', [x!], x!.shape, { type: 'bool' }),
  IsInf: ({ graph, operands: [x] }) => graph.node('IsInf', [x!], x!.shape, { type: 'bool' }),
  IsFinite: ({ graph, operands: [x] }) => {
    // x − x is 0 for every finite x and NaN for all others.
    const difference = zip(graph, 'Sub', x!, x!);
    return zip(graph, 'Equal', difference, graph.scalar(0, x!.type), { type: 'bool' });
  },
  Select: ({ graph, of }) => where(graph, of('condition'), of('t'), of('e')),
};
