import type { AdaptiveStepping } from '../types/problem.ts';
import type { Engine, State, Term } from '../types/engine.ts';
import type { Stage } from '../types/solver.ts';
import type { Memory } from './memory.ts';

/** `base + scale · Σ coefficients[i] · states[i]`, part by part; `base` itself where there is nothing to add. */
export function combineStates<A>(
  engine: Engine<A>,
  base: State<A> | undefined,
  terms: readonly Term<State<A>>[],
  scale?: number,
): State<A> {
  if (base && terms.length === 0) return base;
  return (base ?? terms[0]!.value).map((_, part) =>
    engine.combine(
      base?.[part],
      terms.map(({ coefficient, value }): Term<A> => ({ coefficient, value: value[part]! })),
      scale,
    ),
  );
}

/** Σ of the inner products of the parts. */
export function dotStates<A>(engine: Engine<A>, x: State<A>, y: State<A>): number {
  return x.reduce((sum, part, i) => sum + engine.dot(part, y[i]!), 0);
}

/** RMS over all entries of the first `parts` arrays of `error / (atol + rtol·max(|y0|, |y1|))`. */
export function scaledNormOfState<A>(
  engine: Engine<A>,
  error: State<A>,
  y0: State<A>,
  y1: State<A>,
  { rtol, atol }: Pick<AdaptiveStepping, 'rtol' | 'atol'>,
  parts: number = error.length,
): number {
  let sum = 0;
  let weight = 0;
  for (let i = 0; i < Math.min(parts, error.length); i++) {
    // The arrays of one engine have entries of one size, so bytes weigh like numbers of entries.
    const entries = engine.bytes(error[i]!);
    sum += entries * engine.scaledNorm(error[i]!, y0[i]!, y1[i]!, { rtol, atol }) ** 2;
    weight += entries;
  }
  return weight === 0 ? 0 : Math.sqrt(sum / weight);
}

/** Bytes of all parts. */
export function stateBytes<A>(engine: Engine<A>, y: State<A>): number {
  return y.reduce((sum, part) => sum + engine.bytes(part), 0);
}

/** Holds what a stage consists of. */
export function holdStage<A>(memory: Memory<A>, stage: Stage<A>): Stage<A> {
  memory.hold(stage.y);
  if (stage.slope) memory.hold(stage.slope);
  if (stage.linearization) memory.holdLinearization(stage.linearization);
  return stage;
}

/** Drops what `holdStage` held. */
export function dropStage<A>(memory: Memory<A>, stage: Stage<A>): void {
  memory.drop(stage.y);
  if (stage.slope) memory.drop(stage.slope);
  if (stage.linearization) memory.dropLinearization(stage.linearization);
}
