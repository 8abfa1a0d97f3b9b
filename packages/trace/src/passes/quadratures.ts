import { restrict, type FieldPrograms, type Program } from '../ir/program.ts';
import { withZeros } from './zeros.ts';

/**
 * f without the parts of its value that belong to parts of y that it does not read (integrals along the way), and its
 * pullback without their cotangents. Undefined where there are none.
 *
 *     f0 = Tanh(y0); f1 = Square(y0)                   →  f0 = Tanh(y0)
 *     gy0 = Add(Multiply(c0, …), Multiply(c1, …))      →  gy0 = Multiply(c0, …)
 */
export function withoutQuadratures({ forward, gradient }: FieldPrograms): FieldPrograms | undefined {
  const whole = forward();
  const read = new Set(whole.inputs.map(({ name }) => name));
  const unread = (name: string): boolean => /^[fc]\d/.test(name) && !read.has(`y${name.slice(1)}`);
  const without = (program: Program): Program =>
    restrict(
      program,
      program.outputs.filter(({ name }) => !unread(name)),
    );
  const part = without(whole);
  if (part.outputs.length === whole.outputs.length) return undefined;
  return { forward: () => part, gradient: () => withZeros(without(gradient()), unread) };
}
