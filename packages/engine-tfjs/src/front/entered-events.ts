import { tensor, type Tensor } from '@tensorflow/tfjs-core';
import type { Event, FieldAtPoints, Linearization, State } from '@odegrad/core';
import type { FieldEngine, FieldRequest, PreparedField } from '../eager/field-engine.ts';
import type { FlatEvent, FlatFunction } from './events.ts';
import { sizeOf, type Shape } from '../tape/shape.ts';

/** Events in the arrays of the engine that runs f. */
export interface EnteredEvents<A> {
  readonly events: readonly Event<A>[];
  release(): void;
}

/**
 * Has the engine prepare conditions and jumps, as functions like f. `readsOf` says what each was found to read. An engine may run one of
 * them elsewhere than f; states are then carried over.
 */
export function enterEvents<A>(
  provider: FieldEngine<A>,
  main: PreparedField<A>,
  events: readonly FlatEvent[],
  request: Omit<FieldRequest, 'f' | 'key' | 'reads'>,
  readsOf: (f: object) => readonly Tensor[] | undefined,
): EnteredEvents<A> {
  if (events.length === 0) return { events: [], release: () => undefined };
  const shapes = request.y0.map(({ shape }) => shape);
  const prepare = ({ f, key }: FlatFunction): FieldAtPoints<A> => {
    const reads = readsOf(f);
    const prepared = provider.prepare({ ...request, f, key, ...(reads && { reads }) });
    const [here, there] = [main.field.engine, prepared.field.engine];
    const isAlike = here.name === there.name && here.roundoff === there.roundoff;
    return isAlike ? prepared.field : carriedOver(main, prepared, shapes);
  };
  const prepared = events.map(({ when, then, ...event }) => ({
    ...event,
    field: prepare(when),
    then: typeof then === 'string' ? then : prepare(then),
  }));
  // Last, since what throws before is to leave nothing.
  const unit = unitState(main, shapes);
  return {
    events: prepared.map(({ field, ...event }) => ({ ...event, when: { field, unit } })),
    release() {
      for (const x of unit) main.field.engine.release(x);
    },
  };
}

/** One in the first entry of the first part, and zeros everywhere else. */
function unitState<A>({ fromTensor }: PreparedField<A>, shapes: readonly Shape[]): State<A> {
  return shapes.map((shape, i) => {
    const values = new Float32Array(sizeOf(shape));
    if (i === 0) values[0] = 1;
    const x = tensor(values, [...shape], 'float32');
    try {
      return fromTensor(x);
    } finally {
      x.dispose();
    }
  });
}

/** A field of other arrays, `B`, on those of f. */
function carriedOver<A, B>(
  main: PreparedField<A>,
  other: PreparedField<B>,
  shapes: readonly Shape[],
): FieldAtPoints<A> {
  const { engine } = other.field;
  const over = <X, Y>(from: PreparedField<X>, to: PreparedField<Y>, x: X, shape: Shape): Y => {
    if (from.toArray && to.fromArray) return to.fromArray(from.toArray(x), shape);
    const carried = from.toTensor(x);
    try {
      return to.fromTensor(carried);
    } finally {
      carried.dispose();
    }
  };
  const there = (y: State<A>): State<B> => y.map((x, i) => over(main, other, x, shapes[i]!));
  const release = (y: State<B>): void => {
    for (const x of y) engine.release(x);
  };
  /** Takes results over. */
  const back = (y: State<B>, shapesOf: readonly Shape[] = shapes): State<A> => {
    try {
      return y.map((x, i) => over(other, main, x, shapesOf[i]!));
    } finally {
      release(y);
    }
  };
  const parameterShapes = other.field.parameters.map((x) => {
    const carried = other.toTensor(x);
    carried.dispose();
    return carried.shape;
  });
  return {
    evaluate(t, y) {
      const at = there(y);
      try {
        return back(other.field.evaluate(t, at));
      } finally {
        release(at);
      }
    },
    linearize(t, y) {
      const at = there(y);
      let linearization: Linearization<B>;
      try {
        linearization = other.field.linearize(t, at);
      } catch (error) {
        release(at);
        throw error;
      }
      return {
        value: back(linearization.value),
        bytes: linearization.bytes,
        pullback(cotangent, withTime) {
          const given = there(cotangent);
          try {
            const pulled = linearization.pullback(given, withTime);
            return { t: pulled.t, y: back(pulled.y), parameters: back(pulled.parameters, parameterShapes) };
          } finally {
            release(given);
          }
        },
        release() {
          linearization.release();
          release(at);
        },
      };
    },
  };
}
