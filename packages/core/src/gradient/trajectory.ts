import type { AcceptedStep } from '../stepping/integrate.ts';
import { heldStates, type KeptStates } from './kept-states.ts';
import type { Memory } from '../memory/memory.ts';
import type { Proposal } from '../stepping/pace.ts';
import { stateBytes } from '../memory/state.ts';
import { createStepTimes, type SeenSpan } from './step-times.ts';
import type { Span } from '../types/span.ts';
import type { KeptSegment, TakenStep, Wanted } from '../stepping/stepper.ts';
import type { Stage } from '../types/solver.ts';
import type { State } from '../types/engine.ts';

/**
 * What is kept of a step for the backward pass, each level including the ones before it:
 * its times only; the state it starts from; the states of all its stages; their activations too.
 */
export type Level = 'nothing' | 'state' | 'stages' | 'activations';

const LEVELS: readonly Level[] = ['nothing', 'state', 'stages', 'activations'];

/** Whether `level` includes `needed`. */
export function includes(level: Level, needed: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(needed);
}

/** What a step is to leave behind so that `level` of it can be kept. */
export function wantedFor(level: Level): Wanted {
  return level === 'stages' || level === 'activations' ? level : 'nothing';
}

/** What is kept of a step besides its times, where that is more than the state it starts from. */
interface Rich<A> {
  readonly y: State<A>;
  readonly stages?: readonly Stage<A>[];
  /** The activations of this step, and of those before it that the engine took with it. */
  readonly segment?: KeptSegment<A>;
}

/** One accepted step: when it was taken, and what is kept of it beyond the state that it starts from. */
interface Entry<A> extends Proposal, Omit<Rich<A>, 'y'> {}

/** The accepted steps as a retention schedule sees them. */
export interface TrajectoryView {
  readonly length: number;
  level(index: number): Level;
  /** Steps whose state is kept now. */
  readonly keptStates: number;
  /** Bytes of all states and activations that are kept now. */
  readonly bytes: number;
  /** Forgets what lies above `level`. */
  demote(index: number, level: Level): void;
}

/** Consecutive steps, in order of time. */
export interface Steps<A> {
  readonly spans: readonly Span[];
  /** The state at the start of each. */
  readonly ys: readonly State<A>[];
}

/** What a step was made of. */
export type Made<A> = Pick<TakenStep<A>, 'stages' | 'segment'>;

/** The accepted steps, and the only place that holds their states and activations. */
export interface Trajectory<A> extends TrajectoryView {
  entry(index: number): Entry<A>;
  /** The state that a step starts from, where it is kept; alive until the scope that is open ends, or as long as it is held. */
  state(index: number): State<A>;
  /** Consecutive steps whose states are kept, both ends included; to be read before anything is demoted. */
  steps(first: number, last: number): Steps<A>;
  /** The last step at or before `index` whose state is kept. */
  nearest(index: number): number;
  add(step: AcceptedStep<A>, level: Level): void;
  /** Raises a step to `level` with what was made again. */
  promote(index: number, level: Level, y: State<A>, made: Made<A>): void;
  /** The levels of all steps as they are now. */
  levels(): (index: number) => Level;
}

/**
 * An empty trajectory whose arrays live in `memory`. Slopes are kept with activations where `slopes` says so:
 * gradients with respect to times need them, nothing else does. Where a state is all that is kept of a step, it goes to `states`.
 */
export function createTrajectory<A>(
  memory: Memory<A>,
  slopes: boolean,
  states: KeptStates<A> = heldStates(memory),
  seen?: SeenSpan,
): Trajectory<A> {
  const { engine } = memory;
  const times = createStepTimes(seen);
  const levels: number[] = [];
  const rich = new Map<number, Rich<A>>();
  let stateSize: number | undefined;
  let keptStates = 0;
  let bytes = 0;

  const levelOf = (index: number): Level => LEVELS[levels[index]!]!;

  // Below 'activations' the point of a stage is all that is needed of it.
  const trimmed = (stages: readonly Stage<A>[], level: Level): readonly Stage<A>[] =>
    stages.map(({ t, y, slope, linearization }) => ({
      t,
      y,
      ...(level === 'activations' && linearization
        ? { linearization, ...(slopes && slope ? { slope } : {}) }
        : {}),
    }));
  /** Bytes beyond the state itself. */
  const sizeOf = ({ y, stages = [], segment }: Rich<A>): number =>
    stages.reduce(
      (sum, { y: at, slope, linearization }) =>
        sum +
        (at === y ? 0 : stateBytes(engine, at)) +
        (slope ? stateBytes(engine, slope) : 0) +
        (linearization?.bytes ?? 0),
      segment ? segment.linearization.bytes + segment.linearization.stateBytes : 0,
    );
  const hold = (index: number, kept: Rich<A>): void => {
    rich.set(index, kept);
    bytes += sizeOf(kept);
    memory.keep(kept.y);
    kept.stages?.forEach((stage) => {
      keepStage(memory, stage);
    });
    if (kept.segment) memory.holdLinearization(kept.segment.linearization);
  };
  const letGo = (kept: Rich<A>): void => {
    bytes -= sizeOf(kept);
    memory.forget(kept.y);
    if (kept.segment) memory.dropLinearization(kept.segment.linearization);
    kept.stages?.forEach((stage) => {
      forgetStage(memory, stage);
    });
  };

  const set = (
    index: number,
    wanted: Level,
    y: State<A> | undefined,
    { stages, segment }: Partial<Made<A>> = {},
  ): void => {
    const [before, richBefore] = [levelOf(index), rich.get(index)];
    const whole = wanted === 'activations' ? segment : undefined;
    const points = stages?.length && includes(wanted, 'stages') ? trimmed(stages, wanted) : undefined;
    const isRich = points !== undefined || whole !== undefined;
    // A step that an engine took in one call has no stages to fall back on below its activations.
    const level = includes(wanted, 'stages') && !isRich ? 'state' : wanted;
    levels[index] = LEVELS.indexOf(level);
    const [had, has] = [includes(before, 'state'), includes(level, 'state')];
    keptStates += Number(has) - Number(had);
    bytes += (Number(has) - Number(had)) * (stateSize ??= stateBytes(engine, y!));
    // Keep before forgetting: what both have must not die in between.
    if (isRich) {
      hold(index, {
        y: y!,
        ...(points ? { stages: points } : {}),
        ...(whole ? { segment: whole } : {}),
      });
    } else {
      rich.delete(index);
      if (has && (richBefore || !had)) states.put(index, y!);
    }
    if (richBefore) letGo(richBefore);
    else if (had && (isRich || !has)) states.remove(index);
  };
  return {
    get length() {
      return times.length;
    },
    get keptStates() {
      return keptStates;
    },
    get bytes() {
      return bytes;
    },
    level: levelOf,
    levels() {
      const now = Uint8Array.from(levels);
      return (index) => LEVELS[now[index]!]!;
    },
    entry(index) {
      const { stages, segment } = rich.get(index) ?? {};
      return {
        ...times.at(index),
        ...(stages ? { stages } : {}),
        ...(segment ? { segment } : {}),
      };
    },
    state: (index) => rich.get(index)?.y ?? states.get(index),
    steps(first, last) {
      const indices = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      return {
        spans: indices.map((n) => times.at(n).span),
        ys: indices.map((n) => rich.get(n)?.y ?? states.peek(n)),
      };
    },
    nearest(index) {
      let n = index;
      while (!includes(levelOf(n), 'state')) n -= 1;
      return n;
    },
    add(step, level) {
      const index = times.length;
      times.add(step);
      levels.push(0);
      set(index, level, step.y, step.step);
    },
    promote: set,
    demote(index, level) {
      // The way back always begins somewhere.
      if (index === 0 && level === 'nothing') level = 'state';
      const now = levelOf(index);
      if (now !== level && includes(now, level)) set(index, level, rich.get(index)?.y, rich.get(index));
    },
  };
}

function keepStage<A>(memory: Memory<A>, stage: Stage<A>): void {
  memory.keep(stage.y);
  if (stage.slope) memory.hold(stage.slope);
  if (stage.linearization) memory.holdLinearization(stage.linearization);
}

function forgetStage<A>(memory: Memory<A>, stage: Stage<A>): void {
  memory.forget(stage.y);
  if (stage.slope) memory.drop(stage.slope);
  if (stage.linearization) memory.dropLinearization(stage.linearization);
}
