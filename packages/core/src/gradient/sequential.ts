import { createLedger } from '../memory/ledger.ts';
import { createMemory, type Memory } from '../memory/memory.ts';
import { planOf } from './plan.ts';
import { stateBytes } from '../memory/state.ts';
import { createStepper, kernelOf, type TakenStep } from '../stepping/stepper.ts';
import { drain } from '../stepping/progress.ts';
import { sweep } from './sweep.ts';
import { createTrajectory, type Level } from './trajectory.ts';
import { isDifferentiable } from '../solver/differentiable.ts';
import type { State } from '../types/engine.ts';
import type { VectorField } from '../types/field.ts';
import type { SegmentCotangents, StepKernel } from '../types/kernel.ts';
import type { Solver } from '../types/solver.ts';
import type { Span } from '../types/span.ts';

/**
 * A solver's steps, one after the other within a call: by calls of one step where the field has them, and else by stages. For
 * an engine whose threads each hold a part of the state and are not to wait for one another in between, and for one that has
 * no better way of pulling back steps whose activations are many.
 *
 * @throws {TypeError} where the steps of the solver cannot be differentiated.
 */
export function sequentialKernel<A>(field: VectorField<A>, solver: Solver, longest = 1): StepKernel<A> {
  if (!isDifferentiable(solver)) throw new TypeError(`Steps of '${solver.name}' cannot be differentiated.`);
  const { engine } = field;
  const kernel = kernelOf({ field }, solver);

  /** Books of their own for a call, and the way back over what is entered there. */
  const open = (spans: readonly Span[], y0: State<A>) => {
    const memory = createMemory(engine, createLedger());
    const trajectory = createTrajectory(memory, false, undefined, (_, { interval }) => spans[interval]!);
    const problem = { field, y0, ts: [spans[0]!.t0, ...spans.map(({ t1 }) => t1)] };
    const stepper = createStepper(problem, solver, memory);
    const plan = planOf('sequential', { keep: 'state', restore: () => () => 'stages' }, kernel);
    const method = { solver, stepping: { numSteps: 1 } };
    const work = {
      problem,
      method,
      solver,
      memory,
      kernel,
      stepper,
      trajectory,
      plan,
      outputs: [],
      end: undefined,
      rows: [],
    };
    return {
      memory,
      stepper,
      enter(y: State<A>, level: Level, step: TakenStep<A> = { y, stages: [] }) {
        const index = trajectory.length;
        const span = spans[index]!;
        trajectory.add({ span, moves: [0, 1], interval: index, lands: true, index, y, step }, level);
      },
      back(ends: readonly (State<A> | undefined)[]): SegmentCotangents<A> {
        const { y0: y, parameters } = drain(sweep(work, [undefined, ...ends]));
        return { y, parameters };
      },
    };
  };

  return {
    longest,
    get alive() {
      return kernel?.alive ?? 'stage';
    },
    advance(spans, y, keep) {
      const { memory, stepper, enter, back } = open(spans, y);
      const keeps = keep === 'activations';
      const states: State<A>[] = [];
      const advance = (): void => {
        for (const span of spans) {
          const start = states.at(-1) ?? y;
          const [step] = stepper.advance([span], start, keeps ? keep : 'nothing');
          if (keeps) enter(start, keep, step);
          states.push(step!.y);
        }
        states.forEach(memory.escape);
      };
      cleanly(memory, advance);
      if (!keeps) return { states };
      const { bytes, activationBytes } = memory.ledger;
      return {
        states,
        linearization: {
          bytes: activationBytes,
          stateBytes: bytes - activationBytes - stateBytes(engine, y),
          pullback: back,
          release: memory.releaseAll,
        },
      };
    },
    adjoint(spans, ys, cotangent) {
      const { memory, enter, back } = open(spans, ys[0]!);
      const { ledger } = memory;
      return cleanly(memory, () => {
        for (const y of ys) enter(y, 'state');
        memory.hold(cotangent);
        const before = ledger.bytes;
        const pulled = back(ys.map((_, n) => (n === ys.length - 1 ? cotangent : undefined)));
        const { activationBytesPeak: bytes, bytesPeak, evaluationsForward: evaluations } = ledger;
        memory.releaseAll();
        // Of what later steps have given, every sweep holds as much from one step to the next.
        const given = ys.length > 1 ? stateBytes(engine, [...pulled.y, ...pulled.parameters]) : 0;
        return { ...pulled, evaluations, bytes, stateBytes: Math.max(0, bytesPeak - before - given - bytes) };
      });
    },
  };
}

/** Releases everything where `body` throws. */
function cleanly<A, T>(memory: Memory<A>, body: () => T): T {
  try {
    return memory.scope(body);
  } catch (error) {
    memory.releaseAll();
    throw error;
  }
}
