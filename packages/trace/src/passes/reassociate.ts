import { edit } from '../ir/editor.ts';
import { countUses, makersOf, sameShape, sizeOf, type Instruction, type Program } from '../ir/program.ts';

/** c · Π xᵢ, entry by entry, of values of one shape: the factors are in ascending order. */
interface Monomial {
  readonly coefficient: number;
  readonly factors: readonly number[];
}

/** Factors up to which products are multiplied out. */
const LONGEST = 6;

/**
 * Products of arrays put together another way, where that takes fewer passes over them: what a gradient multiplies, the gradient's
 * own gradient multiplies again. Results agree to rounding. For ONNX Runtime, where each product is a pass through memory. Leaves
 * views for `simplify` to take out, and mixtures for `lerp`.
 *
 *     p = Multiply(d, s); q = Multiply(Multiply(Multiply(c, d), s), Sub(1, s))  →  q = Multiply(Multiply(p, c), Sub(1, s))
 */
export function reassociate(program: Program): Program {
  const editor = edit(program);
  const monomials = new Map<number, Monomial>();
  const makers = makersOf(program);
  const uses = countUses(program);
  const isLast = (factor: number): boolean => makers.get(factor)?.kernel === 'Sub';
  const monomial = (value: number): Monomial => monomials.get(value) ?? { coefficient: 1, factors: [value] };

  /** Products at hand, by their factors. */
  const ready = new Map<string, number>();
  const times = (like: number, a: number, b: number): number =>
    editor.call('Multiply', { a, b }, { shape: editor.shape(like) });
  const scaled = (value: number, coefficient: number): number =>
    coefficient === 1 ? value : times(value, value, editor.constant(Float64Array.of(coefficient), []));

  for (const instruction of program.instructions) {
    const output = instruction.outputs[0]!;
    const product = productOf(program, instruction, monomial);
    if (product && product.factors.length <= LONGEST) {
      const { coefficient, factors } = product;
      monomials.set(output, product);
      const own = ownProducts(output, { makers, monomials, uses });
      const pieces = piecesOf(
        factors,
        (part) => {
          const found = ready.get(part.join());
          return found !== undefined && !own.has(found) ? found : undefined;
        },
        isLast,
      );
      const passes = pieces.length - 1 + (coefficient === 1 ? 0 : 1);
      if (passes < own.size) {
        let sofar = pieces[0]!;
        for (const piece of pieces.slice(1)) sofar = times(output, sofar, piece);
        // The instruction's own result, in its old place; simplifying takes the view out again.
        editor.view(scaled(sofar, coefficient), { output });
      } else editor.keep(instruction);
      if (coefficient === 1) ready.set(factors.join(), output);
    } else editor.keep(instruction);
  }
  return editor.finish();
}

function productOf(
  { values, constants }: Program,
  { kernel, inputs, outputs }: Instruction,
  monomial: (value: number) => Monomial,
): Monomial | undefined {
  const { shape, dtype } = values[outputs[0]!]!;
  if (dtype !== 'float32' || sizeOf(shape) === 1) return undefined;
  const whole = (value: number): boolean => sameShape(values[value]!.shape, shape);
  const [a, b] = inputs.map(({ value }) => value);
  if (kernel === 'Neg') {
    const { coefficient, factors } = monomial(a!);
    return { coefficient: -coefficient, factors };
  }
  if (kernel !== 'Multiply') return undefined;
  // Whole numbers only: a fraction may be one that doubles take as it was written.
  const scalarOf = (value: number): number | undefined => {
    const scalar = sizeOf(values[value]!.shape) === 1 ? constants.get(value)?.[0] : undefined;
    return Number.isInteger(scalar) ? scalar : undefined;
  };
  for (const [x, y] of [
    [a!, b!],
    [b!, a!],
  ] as const) {
    const scalar = scalarOf(y);
    if (scalar !== undefined && whole(x)) {
      const { coefficient, factors } = monomial(x);
      return { coefficient: coefficient * scalar, factors };
    }
  }
  if (!whole(a!) || !whole(b!)) return undefined;
  const [p, q] = [monomial(a!), monomial(b!)];
  return {
    coefficient: p.coefficient * q.coefficient,
    factors: [...p.factors, ...q.factors].sort((x, y) => x - y),
  };
}

/** Few values whose product is that of the factors: the largest products at hand first, differences last. */
function piecesOf(
  factors: readonly number[],
  ready: (part: readonly number[]) => number | undefined,
  isLast: (factor: number) => boolean,
): number[] {
  const rest = [...factors].sort((x, y) => Number(isLast(x)) - Number(isLast(y)));
  const pieces: number[] = [];
  for (let size = rest.length - 1; size >= 2; size--) {
    for (const part of subsets(rest, size)) {
      const found = ready([...part].sort((x, y) => x - y));
      if (found === undefined) continue;
      pieces.push(found);
      for (const factor of part) rest.splice(rest.indexOf(factor), 1);
      break;
    }
  }
  return [...pieces, ...rest];
}

function subsets(items: readonly number[], size: number): number[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, i) => subsets(items.slice(i + 1), size - 1).map((rest) => [item, ...rest]));
}

interface Scene {
  readonly makers: ReadonlyMap<number, Instruction>;
  readonly monomials: ReadonlyMap<number, Monomial>;
  readonly uses: ReadonlyMap<number, number>;
}

/** Products that a product is made of and that nothing else needs, itself among them. */
function ownProducts(value: number, scene: Scene): Set<number> {
  const { makers, monomials, uses } = scene;
  const own = makers
    .get(value)!
    .inputs.map((input) => input.value)
    .filter((operand) => monomials.has(operand) && uses.get(operand) === 1);
  return new Set([value, ...own.flatMap((operand) => [...ownProducts(operand, scene)])]);
}
