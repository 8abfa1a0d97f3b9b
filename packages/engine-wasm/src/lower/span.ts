import { sizeOf as sizeOfSpan, stageTime, type Span } from '@odegrad/core';
import { edit, type FloatType, type Program } from '@odegrad/trace';

/** What of a step's program depends on its span, each a scalar input. */
export interface StepProgram {
  readonly program: Program;
  /** What h is multiplied by, by input. */
  readonly weights: readonly (readonly [name: string, weight: number])[];
  /** Nodes of the method, by input. */
  readonly nodes: readonly (readonly [name: string, node: number])[];
}

/** The names of its scalar inputs, in an order of their own. */
export const scalarNames = ({ weights, nodes }: StepProgram): string[] =>
  [...weights, ...nodes].map(([name]) => name);

/** The scalars of a span, in that order. */
export function fillScalars({ weights, nodes }: StepProgram, span: Span, values: Float64Array): void {
  const h = sizeOfSpan(span);
  const count = weights.length;
  for (let i = 0; i < count; i++) values[i] = h * weights[i]![1];
  for (let i = 0; i < nodes.length; i++) values[count + i] = stageTime(span, nodes[i]![1]);
}

/**
 * A step's program with scalar inputs for what depends on the span; each is there once. Sums are formed in `precision` and rounded
 * once.
 *
 *     Combine(base, x₀, x₁; weights)  →  Combination(base, x₀, x₁, h:0, h:1)
 *     StageTime(; node)               →  s:0
 */
export function withSpanInputs(
  program: Program,
  float: FloatType,
  precision: FloatType = float,
): StepProgram {
  const editor = edit(program);
  const isExact = precision !== float;
  const weights = new Map<number, readonly [string, number]>();
  const nodes = new Map<number, readonly [string, number]>();
  const input = (
    of: Map<number, readonly [string, number]>,
    prefix: string,
    key: number,
    isWide: boolean,
  ): number => {
    let known = of.get(key);
    if (!known) {
      const name = `${prefix}:${of.size}`;
      of.set(key, (known = [name, editor.input(name, [], isWide ? 'float64' : 'float32')]));
    }
    return known[1];
  };
  for (const instruction of program.instructions) {
    const { kernel, attrs, inputs, outputs } = instruction;
    const output = outputs[0]!;
    if (kernel === 'StageTime') editor.view(input(nodes, 's', attrs['node'] as number, false), { output });
    else if (kernel !== 'Combine') editor.keep(instruction);
    else {
      const list = attrs['weights'] as readonly number[];
      const scaled = list.map((weight) => input(weights, 'h', weight, isExact));
      const based = inputs.some(({ name }) => name === 'base');
      const arrays = [...inputs].sort((a, b) => Number(b.name === 'base') - Number(a.name === 'base'));
      const operands = [...arrays.map(({ value }) => value), ...scaled];
      editor.call(
        'Combination',
        Object.fromEntries(operands.map((value, i) => [String(i), value])),
        { output },
        { terms: list.length, based, exact: isExact },
      );
    }
  }
  const named = (of: Map<number, readonly [string, number]>): (readonly [string, number])[] =>
    [...of].map(([key, [name]]) => [name, key]);
  return { program: editor.finish(), weights: named(weights), nodes: named(nodes) };
}
