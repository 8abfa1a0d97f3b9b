import { edit } from '../ir/editor.ts';
import { countUses, makersOf, sameShape, type Program } from '../ir/program.ts';

/**
 * Mixtures in one product less, where their summands serve nothing else.
 *
 *     Add(Multiply(x, s), Multiply(y, Sub(1, s)))  →  Add(y, Multiply(s, Sub(x, y)))
 */
export function lerp(program: Program): Program {
  const { constants } = program;
  const editor = edit(program);
  const { shape } = editor;
  const makers = makersOf(program);
  const uses = countUses(program);
  const operands = (value: number, kernel: string): number[] | undefined => {
    const maker = makers.get(value);
    return maker?.kernel === kernel ? maker.inputs.map((input) => input.value) : undefined;
  };
  const orders = (pair: readonly number[] | undefined): (readonly [number, number])[] =>
    pair ? [[pair[0]!, pair[1]!] as const, [pair[1]!, pair[0]!] as const] : [];
  const product = (value: number): (readonly [number, number])[] =>
    uses.get(value) === 1 ? orders(operands(value, 'Multiply')) : [];
  const whole = (like: number, ...others: readonly number[]): boolean =>
    others.every((other) => sameShape(shape(other), shape(like)));
  /** s of 1 − s. */
  const complement = (value: number): number | undefined => {
    const [one, s] = operands(value, 'Sub') ?? [];
    return one !== undefined && uses.get(value) === 1 && constants.get(one)?.every((x) => x === 1)
      ? s
      : undefined;
  };
  const mixed = (sum: number): readonly [x: number, y: number, s: number] | undefined => {
    for (const [weighted, rest] of orders(operands(sum, 'Add')))
      for (const [y, difference] of product(rest)) {
        const s = complement(difference);
        for (const [x, weight] of s === undefined ? [] : product(weighted))
          if (weight === s && whole(sum, x, y, s)) return [x, y, s];
      }
    return undefined;
  };
  for (const instruction of program.instructions) {
    const output = instruction.outputs[0]!;
    const found = mixed(output);
    if (!found) {
      editor.keep(instruction);
      continue;
    }
    const [x, y, s] = found;
    const like = { shape: shape(output) };
    const difference = editor.call('Sub', { a: x, b: y }, like);
    const part = editor.call('Multiply', { a: s, b: difference }, like);
    editor.call('Add', { a: y, b: part }, { output });
  }
  return editor.finish();
}
