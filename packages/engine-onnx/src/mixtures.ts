import { countUses, makersOf, sameShape, type Instruction, type Program, type Value } from './program.ts';

/** x s + y (1 − s) as y + s (x − y), where the summands serve nothing else. */
export function mixWeighted(program: Program): Program {
  const { constants } = program;
  const values: Value[] = [...program.values];
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
    others.every((other) => sameShape(values[other]!.shape, values[like]!.shape));
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
  const instructions = program.instructions.flatMap((instruction): Instruction[] => {
    const [output] = instruction.outputs;
    const found = mixed(output!);
    if (!found) return [instruction];
    const [x, y, s] = found;
    const made = (kernel: string, a: number, b: number, result?: number): Instruction => ({
      kernel,
      attrs: {},
      inputs: [
        { name: 'a', value: a },
        { name: 'b', value: b },
      ],
      outputs: [result ?? values.push(values[output!]!) - 1],
    });
    const difference = made('Sub', x, y);
    const part = made('Multiply', s, difference.outputs[0]!);
    return [difference, part, made('Add', y, part.outputs[0]!, output)];
  });
  return { ...program, values, instructions };
}
