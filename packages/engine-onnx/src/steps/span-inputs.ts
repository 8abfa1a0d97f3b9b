import { sizeOf as sizeOfSpan, stageTime, type Span } from '@odegrad/core';
import {
  edit,
  settings,
  simplify,
  sizeOf,
  type Editor,
  type ElementType,
  type FloatData,
  type FloatType,
  type Instruction,
  type Program,
} from '@odegrad/trace';

/** What of a step's program depends on its span: the step size times the method's weights, and the times of its stages. */
export interface SpanInputs {
  /** What h is multiplied by, entry for entry of input `h`, `[1, weights.length]`. */
  readonly weights: readonly number[];
  /** Nodes of the method, the times at which are the entries of input `s`, `[nodes.length]`. */
  readonly nodes: readonly number[];
}

/** A program of a whole step, and how its inputs `h` and `s` are filled. */
export interface StepProgram extends SpanInputs {
  readonly program: Program;
}

/** Fills the inputs `h` and `s` of a step's program for a span. */
export function fillSpan(
  { weights, nodes }: SpanInputs,
  span: Span,
  sizes: FloatData,
  times: FloatData,
): void {
  const h = sizeOfSpan(span);
  for (let i = 0; i < weights.length; i++) sizes[i] = h * weights[i]!;
  for (let i = 0; i < nodes.length; i++) times[i] = stageTime(span, nodes[i]!);
}

/**
 * A step's program with its combinations as calls that ONNX Runtime runs best, and what depends on the span as two inputs. Sums are
 * formed in `precision` and rounded once.
 *
 *     Combine(base, x₀, x₁; [w₀, w₁])        →  base + [h w₀] x₀ + [h w₁] x₁
 *     Combine(base, x₀, x₁, x₂; [w₀, …])     →  base + [h w₀, h w₁, h w₂] · Concat(x₀, x₁, x₂)
 *     StageTime(; node)                      →  an entry of input `s`
 */
export function withSpanInputs(program: Program, precision: FloatType = 'float32'): StepProgram {
  const editor = edit(program);
  // Only when all is expanded is it known how many weights and times there are: until then each is an input of its own.
  const rows: { readonly weights: readonly number[]; readonly value: number }[] = [];
  const row = (weights: readonly number[]): number => {
    const known = rows.find((other) => other.weights.join() === weights.join());
    if (known) return known.value;
    const value = editor.input(`h:${rows.length}`, [1, weights.length], precision);
    rows.push({ weights, value });
    return value;
  };
  const times = new Map<number, number>();
  const time = (node: number): number => {
    let value = times.get(node);
    if (value === undefined) times.set(node, (value = editor.input(`s:${times.size}`, [1], 'float32')));
    return value;
  };
  for (const instruction of program.instructions) {
    const [output] = instruction.outputs as [number];
    if (instruction.kernel === 'StageTime') editor.view(time(settings.nodeOf(instruction.attrs)), { output });
    else if (instruction.kernel === 'Combine') combine(instruction, { editor, row, precision });
    else editor.keep(instruction);
  }
  const sizes = rows.map(({ value }) => value);
  return {
    program: simplify(join(join(editor.finish(), 'h', sizes, 1), 's', [...times.values()], 0)),
    weights: rows.flatMap(({ weights }) => weights),
    nodes: [...times.keys()],
  };
}

interface Scene {
  readonly editor: Editor;
  /** h times these weights, a value of shape `[1, weights.length]`. */
  row(weights: readonly number[]): number;
  readonly precision: FloatType;
}

function combine({ inputs, outputs, attrs }: Instruction, scene: Scene): void {
  const { editor, precision } = scene;
  const cast = (x: number, dtype: ElementType): number =>
    editor.value(x).dtype === dtype
      ? x
      : editor.call('Cast', { x }, { shape: editor.shape(x), dtype }, { dtype });
  const weights = settings.weightsOf(attrs);
  const operand = (name: string): number | undefined => {
    const value = inputs.find((other) => other.name === name)?.value;
    return value === undefined ? undefined : cast(value, precision);
  };
  const base = operand('base');
  const terms = weights.map((_, i) => operand(String(i))!);
  // A small product costs its call; two terms cost two calls and no copy.
  const sum =
    terms.length <= 2 ? writtenOut(base, terms, weights, scene) : product(base, terms, weights, scene);
  editor.view(cast(sum, editor.value(outputs[0]!).dtype), { output: outputs[0]! });
}

type Sum = (
  base: number | undefined,
  terms: readonly number[],
  weights: readonly number[],
  scene: Scene,
) => number;

const writtenOut: Sum = (base, terms, weights, { editor, row }) => {
  const shape = editor.shape(terms[0]!);
  const flat = shape.length < 2;
  const line = { shape: flat ? [1, sizeOf(shape)] : shape };
  const scaled = terms.map((term, i) => {
    const product = editor.call(
      'Multiply',
      { a: flat ? editor.view(term, line) : term, b: row([weights[i]!]) },
      line,
    );
    return flat ? editor.view(product, { shape }) : product;
  });
  return [...(base === undefined ? [] : [base]), ...scaled].reduce((a, b) =>
    editor.call('Add', { a, b }, { shape }),
  );
};

const product: Sum = (base, terms, weights, { editor, row }) => {
  const shape = editor.shape(terms[0]!);
  const line = { shape: [1, sizeOf(shape)] };
  const [rows, ...rest] = shape.length === 0 ? [1] : shape;
  const lines = terms.map((term) => (shape.length === 0 ? editor.view(term, { shape: [1] }) : term));
  const stacked = editor.call(
    'Concat',
    Object.fromEntries(lines.map((each, i) => [String(i), each])),
    { shape: [rows! * terms.length, ...rest] },
    { axis: 0 },
  );
  const sum = editor.call(
    'BatchMatMul',
    { a: row(weights), b: editor.view(stacked, { shape: [terms.length, sizeOf(shape)] }) },
    line,
    { transposeA: false, transposeB: false },
  );
  const all = base === undefined ? sum : editor.call('Add', { a: sum, b: editor.view(base, line) }, line);
  return editor.view(all, { shape });
};

/** Makes inputs of a program the pieces of one input. */
function join(program: Program, name: string, pieces: readonly number[], axis: number): Program {
  if (pieces.length === 0) return program;
  const sizes = pieces.map((piece) => sizeOf(program.values[piece]!.shape));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const whole = program.values.length;
  return {
    ...program,
    values: [
      ...program.values,
      { shape: axis === 1 ? [1, total] : [total], dtype: program.values[pieces[0]!]!.dtype },
    ],
    inputs: [...program.inputs.filter(({ value }) => !pieces.includes(value)), { name, value: whole }],
    instructions: [
      {
        kernel: 'SplitV',
        attrs: { numOrSizeSplits: sizes, axis },
        inputs: [{ name: 'x', value: whole }],
        outputs: pieces,
      },
      ...program.instructions,
    ],
  };
}
