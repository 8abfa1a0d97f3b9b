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
