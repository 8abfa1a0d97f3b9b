import type { AcceptedStep } from './integrate.ts';
import type { Memory } from './memory.ts';
import type { Proposal } from './pace.ts';
import { stateBytes } from './state.ts';
import type { Linearization, Span, Stage, State, Step } from './types.ts';

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

/** One accepted step, as far as it is remembered. */
interface Entry<A> extends Proposal {
  readonly interval: number;
  readonly level: Level;
  readonly y?: State<A>;
  readonly stages?: readonly Stage<A>[];
  /** The activations of the step as one, where the engine fuses steps. */
  readonly linearization?: Linearization<A>;
}

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
  /** The activations of each as one, where they are kept; of the others nothing but the state is. */
  readonly linearizations: readonly Linearization<A>[];
}

/** What a step was made of. */
export type Made<A> = Pick<Step<A>, 'stages' | 'linearization'>;

/** The accepted steps, and the only place that holds their states and activations. */
export interface Trajectory<A> extends TrajectoryView {
  entry(index: number): Entry<A>;
  /** Consecutive steps whose states are kept, both ends included. */
  steps(first: number, last: number): Steps<A>;
  /** The last step at or before `index` whose state is kept. */
  nearest(index: number): number;
  add(step: AcceptedStep<A>, level: Level): void;
  /** Raises a step to `level` with what was made again. */
  promote(index: number, level: Level, y: State<A>, made: Made<A>): void;
}

/**
 * An empty trajectory whose arrays live in `memory`. Slopes are kept with activations where `slopes` says so:
 * gradients with respect to times need them, nothing else does.
 */
export function createTrajectory<A>(memory: Memory<A>, slopes: boolean): Trajectory<A> {
  const { engine } = memory;
  const entries: Entry<A>[] = [];
  let keptStates = 0;
  let bytes = 0;

  // Below 'activations' the point of a stage is all that is needed of it.
  const trimmed = (stages: readonly Stage<A>[], level: Level): readonly Stage<A>[] =>
    stages.map(({ t, y, slope, linearization }) => ({
      t,
      y,
      ...(level === 'activations' && linearization
        ? { linearization, ...(slopes && slope ? { slope } : {}) }
        : {}),
    }));
  const sizeOf = ({ y, stages = [], linearization: whole }: Entry<A>): number =>
    stages.reduce(
      (sum, { y: at, slope, linearization }) =>
        sum +
        (at === y ? 0 : stateBytes(engine, at)) +
        (slope ? stateBytes(engine, slope) : 0) +
        (linearization?.bytes ?? 0),
      (y ? stateBytes(engine, y) : 0) + (whole ? whole.bytes + (whole.stateBytes ?? 0) : 0),
    );

  const set = (
    index: number,
    times: Omit<Entry<A>, 'level'>,
    level: Level,
    y?: State<A>,
    { stages, linearization }: Partial<Made<A>> = {},
  ): void => {
    const before = entries[index];
    const { span, moves, lands, interval } = times;
    const whole = level === 'activations' ? linearization : undefined;
    const points = stages?.length && includes(level, 'stages') ? trimmed(stages, level) : undefined;
    const entry: Entry<A> = {
      span,
      moves,
      lands,
      interval,
      // A step that an engine fused has no stages to fall back on below its activations.
      level: includes(level, 'stages') && !points && !whole ? 'state' : level,
      ...(y && includes(level, 'state') ? { y } : {}),
      ...(points ? { stages: points } : {}),
      ...(whole ? { linearization: whole } : {}),
    };
    entries[index] = entry;
    keptStates += Number(entry.y !== undefined) - Number(before?.y !== undefined);
    bytes += sizeOf(entry) - (before ? sizeOf(before) : 0);
    // Keep before forgetting: what both have must not die in between.
    if (entry.y) memory.keep(entry.y);
    entry.stages?.forEach((stage) => {
      keepStage(memory, stage);
    });
    if (entry.linearization) memory.holdLinearization(entry.linearization);
    if (before?.y) memory.forget(before.y);
    if (before?.linearization) memory.dropLinearization(before.linearization);
    before?.stages?.forEach((stage) => {
      forgetStage(memory, stage);
    });
  };

  return {
    get length() {
      return entries.length;
    },
    get keptStates() {
      return keptStates;
    },
    get bytes() {
      return bytes;
    },
    level: (index) => entries[index]!.level,
    entry: (index) => entries[index]!,
    steps(first, last) {
      const kept = entries.slice(first, last + 1);
      return {
        spans: kept.map(({ span }) => span),
        ys: kept.map(({ y }) => y!),
        linearizations: kept.flatMap(({ linearization }) => linearization ?? []),
      };
    },
    nearest(index) {
      let n = index;
      while (!includes(entries[n]!.level, 'state')) n -= 1;
      return n;
    },
    add: (step, level) => {
      set(entries.length, step, level, step.y, step.step);
    },
    promote: (index, level, y, made) => {
      set(index, entries[index]!, level, y, made);
    },
    demote(index, level) {
      // The way back always begins somewhere.
      if (index === 0 && level === 'nothing') level = 'state';
      const entry = entries[index]!;
      if (entry.level !== level && includes(entry.level, level)) set(index, entry, level, entry.y, entry);
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
