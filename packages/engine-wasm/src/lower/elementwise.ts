import type { Attributes } from '@odegrad/trace';

import type { Code } from '../encode/bytes.ts';
import { erf } from '../functions/error-function.ts';
import { decay, exp, expm1, sigmoidOfDecay, tanh } from '../functions/exponential.ts';
import type { Lanes } from '../functions/lanes.ts';
import { log, log1p, softplusOfDecay } from '../functions/logarithm.ts';
import { cos, sin } from '../functions/trigonometry.ts';
import type { Kind, Node, Scene } from '../nests/node.ts';
import { UnsupportedError } from './unsupported.ts';

/** An entry of the result from those of the operands, in the order in which the kernel has them. */
export interface Elementwise {
  readonly kind: Kind;
  readonly make: Node['make'];
}

/** What is known of a call when its code is chosen. */
export interface ElementwiseCall {
  readonly kernel: string;
  readonly attrs: Attributes;
  readonly kinds: readonly Kind[];
}

type Choose = (call: ElementwiseCall) => Elementwise;
type Formula = (lanes: Lanes, ...operands: Code[]) => Code;

const floats =
  (formula: Formula): Choose =>
  ({ kernel, kinds }) => {
    if (kinds.some((kind) => kind !== 'float'))
      throw new UnsupportedError(kernel, 'of integers has no WebAssembly');
    return { kind: 'float', make: ({ lanes }, operands) => formula(lanes, ...operands) };
  };
/** A function of JavaScript. */
const host = (name: string): Choose => floats((lanes, ...operands) => lanes.host(name, operands));

type Arithmetic = 'add' | 'sub' | 'mul' | 'min' | 'max' | 'neg' | 'abs';
type Comparison = 'eq' | 'ne' | 'lt' | 'gt' | 'le' | 'ge';
const set = ({ lanes, integers }: Scene, kind: Kind): Pick<Lanes, Arithmetic | Comparison | 'number'> =>
  kind === 'float' ? lanes : integers;
const apply = (of: object, name: string, operands: readonly Code[]): Code =>
  (of as Record<string, (...operands: readonly Code[]) => Code>)[name]!(...operands);

/** The same for numbers and for integers. */
const arithmetic =
  (name: Arithmetic): Choose =>
  ({ kernel, kinds: [kind] }) => {
    if (kind === 'mask') throw new UnsupportedError(kernel, 'of truth values has no WebAssembly');
    return { kind: kind!, make: (scene, operands) => apply(set(scene, kind!), name, operands) };
  };
const comparison =
  (name: Comparison): Choose =>
  ({ kinds: [kind] }) => ({
    kind: 'mask',
    make: (scene, operands) =>
      apply(set(scene, kind === 'mask' ? 'int' : kind!), name, masksAsIntegers(scene, kind!, operands)),
  });
/** Masks beside float64 are no numbers: they are compared as 0 and 1. */
const masksAsIntegers = (
  { lanes, integers }: Scene,
  kind: Kind,
  operands: readonly Code[],
): readonly Code[] => (kind === 'mask' ? operands.map((x) => lanes.and(x, integers.number(1))) : operands);

const logical =
  (make: (lanes: Lanes, ...operands: Code[]) => Code): Choose =>
  () => ({ kind: 'mask', make: ({ lanes }, operands) => make(lanes, ...operands) });

const test =
  (make: (lanes: Lanes, x: Code) => Code): Choose =>
  ({ kinds: [kind] }) => ({
    kind: 'mask',
    make: ({ lanes }, [x]) => (kind === 'float' ? make(lanes, x!) : make(lanes, lanes.number(0))),
  });

// Klambauer et al. (2017), Self-Normalizing Neural Networks, equation 14; the digits that TensorFlow.js uses.
const SELU_ALPHA = 1.7580993408473768;
const SELU_SCALE = 1.0507009873554805;

const relu: Formula = ({ max, number }, x) => max(x, number(0));
/** `above` where x ≥ 0, else `below`. */
const split = ({ select, ge, number }: Lanes, x: Code, above: Code, below: Code): Code =>
  select(ge(x, number(0)), above, below);
const below = (lanes: Lanes, x: Code): Code => expm1(lanes, lanes.min(x, lanes.number(0)));

const cast: Choose = ({ kernel, attrs, kinds: [from] }) => {
  const to = ({ float32: 'float', float64: 'float', int32: 'int', bool: 'mask' } as const)[
    attrs['dtype'] as string
  ];
  if (!to) throw new UnsupportedError(kernel);
  return { kind: to, make: (scene, [x]) => converted(scene, x!, from!, to) };
};

/** A value as one of another kind. */
export function converted(scene: Scene, x: Code, from: Kind, to: Kind): Code {
  const { lanes, integers } = scene;
  if (from === to) return x;
  if (to === 'mask') return set(scene, from).ne(x, set(scene, from).number(0));
  if (from === 'mask') return lanes.and(x, set(scene, to).number(1));
  return to === 'int' ? integers.fromFloat(x) : integers.toFloat(x);
}

/** base + Σ weight x; the weights are operands, behind the others. In doubles where they are wider than the rest. */
const combine: Choose = ({ attrs }) => ({
  kind: 'float',
  make({ lanes }, operands) {
    const { terms, based, exact } = attrs as { terms: number; based: boolean; exact: boolean };
    const arrays = operands.slice(0, terms + (based ? 1 : 0));
    const weights = operands.slice(arrays.length);
    const sum = (wide: Lanes, given: readonly Code[]): Code => {
      const values = given.slice(based ? 1 : 0);
      const products = values.map((x, i) => wide.mul(x, weights[i]!));
      return [...(based ? [given[0]!] : []), ...products].reduce((a, b) => wide.add(a, b));
    };
    return exact ? lanes.inDoubles(arrays, (wide, halves) => [sum(wide, halves)])[0]! : sum(lanes, arrays);
  },
});

const select: Choose = ({ kinds: [, kind] }) => ({
  kind: kind!,
  make: ({ lanes }, [condition, t, e]) => lanes.select(condition!, t!, e!),
});

const power: Choose = (call) => floats((lanes, x, y) => lanes.host('pow', [x, y]))(call);

const table: Readonly<Record<string, Choose>> = {
  Abs: arithmetic('abs'),
  Neg: arithmetic('neg'),
  Add: arithmetic('add'),
  Sub: arithmetic('sub'),
  Multiply: arithmetic('mul'),
  Maximum: arithmetic('max'),
  Minimum: arithmetic('min'),
  AddN: ({ kinds: [kind] }) => ({
    kind: kind!,
    make: (scene, operands) => operands.reduce((a, b) => set(scene, kind!).add(a, b)),
  }),
  SquaredDifference: floats(({ keep, sub, mul }, a, b) => {
    const difference = keep(sub(a, b));
    return mul(difference, difference);
  }),
  RealDiv: floats(({ div }, a, b) => div(a, b)),
  FloorDiv: floats(({ floor, div }, a, b) => floor(div(a, b))),
  Mod: host('mod'),
  Pow: power,
  Atan2: host('atan2'),
  Square: ({ kinds: [kind] }) => ({ kind: kind!, make: (scene, [x]) => set(scene, kind!).mul(x!, x!) }),
  Reciprocal: floats(({ div, number }, x) => div(number(1), x)),
  Sqrt: floats(({ sqrt }, x) => sqrt(x)),
  Rsqrt: floats(({ div, sqrt, number }, x) => div(number(1), sqrt(x))),
  Ceil: floats(({ ceil }, x) => ceil(x)),
  Floor: floats(({ floor }, x) => floor(x)),
  Round: floats(({ nearest }, x) => nearest(x)),
  Sign: floats(({ select: choose, lt, gt, number }, x) =>
    choose(gt(x, number(0)), number(1), choose(lt(x, number(0)), number(-1), number(0))),
  ),
  Step: ({ kernel, attrs, kinds }) =>
    floats(({ select: choose, gt, ne, number }, x) => {
      const low = number((attrs['alpha'] as number | undefined) ?? 0);
      return choose(gt(x, number(0)), number(1), choose(ne(x, x), x, low));
    })({ kernel, attrs, kinds }),
  ClipByValue: ({ attrs, kinds: [kind] }) => ({
    kind: kind!,
    make(scene, [x]) {
      const { min, max, number } = set(scene, kind!);
      return min(max(x!, number(attrs['clipValueMin'] as number)), number(attrs['clipValueMax'] as number));
    },
  }),
  Exp: floats(exp),
  Expm1: floats(expm1),
  Log: floats(log),
  Log1p: floats(log1p),
  Tanh: floats(tanh),
  Decay: floats(decay),
  SigmoidOfDecay: floats(sigmoidOfDecay),
  SoftplusOfDecay: floats(softplusOfDecay),
  Erf: floats(erf),
  Sin: floats(sin),
  Cos: floats(cos),
  ...Object.fromEntries(
    'Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh'
      .split(' ')
      .map((name) => [name, host(name.toLowerCase())]),
  ),
  Relu: floats(relu),
  Relu6: floats((lanes, x) => lanes.min(relu(lanes, x), lanes.number(6))),
  LeakyRelu: ({ kernel, attrs, kinds }) =>
    floats((lanes, x) => split(lanes, x, x, lanes.mul(x, lanes.number(attrs['alpha'] as number))))({
      kernel,
      attrs,
      kinds,
    }),
  Prelu: floats((lanes, x, alpha) => split(lanes, x, x, lanes.mul(x, alpha))),
  Elu: floats((lanes, x) => split(lanes, x, x, below(lanes, x))),
  // dy where y ≥ 0, dy (y + 1) below.
  EluGrad: floats((lanes, dy, y) => split(lanes, y, dy, lanes.mul(dy, lanes.add(y, lanes.number(1))))),
  Selu: floats((lanes, x) => {
    const { mul, number } = lanes;
    return split(lanes, x, mul(x, number(SELU_SCALE)), mul(below(lanes, x), number(SELU_ALPHA)));
  }),
  Equal: comparison('eq'),
  NotEqual: comparison('ne'),
  Greater: comparison('gt'),
  GreaterEqual: comparison('ge'),
  Less: comparison('lt'),
  LessEqual: comparison('le'),
  LogicalAnd: logical(({ and }, a, b) => and(a, b)),
  LogicalOr: logical(({ or }, a, b) => or(a, b)),
  LogicalXor: logical(({ xor }, a, b) => xor(a, b)),
  LogicalNot: logical(({ not }, x) => not(x)),
  IsNan: test(({ ne }, x) => ne(x, x)),
  IsInf: test(({ eq, abs, number }, x) => eq(abs(x), number(Infinity))),
  IsFinite: test(({ eq, sub }, x) => eq(sub(x, x), sub(x, x))),
  Select: select,
  Cast: cast,
  Combination: combine,
};

/** The code of an elementwise kernel; undefined for others. */
export function elementwise(call: ElementwiseCall): Elementwise | undefined {
  return Object.hasOwn(table, call.kernel) ? table[call.kernel]!(call) : undefined;
}
