import { createFloat64Engine, type Float64Engine } from '@odegrad/testkit';
import { describe, expect, it } from 'vitest';
import { createLedger } from './ledger.ts';
import { createMemory, type Memory } from './memory.ts';
import type { Engine } from '../types/engine.ts';
import type { Linearization } from '../types/linearization.ts';

type A = Float64Array;

function book(): { engine: Float64Engine; memory: Memory<A>; make: () => A } {
  const engine = createFloat64Engine();
  const memory = createMemory(engine, createLedger());
  const like = new Float64Array(4);
  return { engine, memory, make: () => memory.engine.zeros(like) };
}

/** A linearization that says whether it is alive. */
function linearizationOf(engine: Float64Engine, bytes = 100): Linearization<A> & { released: number } {
  return {
    released: 0,
    value: [engine.zeros(new Float64Array(4))],
    bytes,
    pullback: () => ({ t: 0, y: [], parameters: [] }),
    release() {
      this.released += 1;
    },
  };
}

describe('what is made in a scope', () => {
  it('dies with it unless somebody holds it, then with the last hold', () => {
    const { engine, memory, make } = book();
    let [kept, lost]: A[] = [];
    memory.scope(() => {
      [kept, lost] = [make(), make()];
      memory.hold([kept]);
      memory.hold([kept]);
      memory.hold([lost]);
      memory.drop([lost]);
      // Still usable: it is dropped, but its scope has not ended.
      expect(lost[0]).toBe(0);
      expect(engine.live()).toBe(2);
    });
    expect(engine.live()).toBe(1);
    expect(lost![0]).toBeNaN();
    memory.drop([kept!]);
    expect(engine.live()).toBe(1);
    memory.drop([kept!]);
    expect(engine.live()).toBe(0);
    expect(memory.ledger).toMatchObject({ bytes: 0, bytesPeak: 64 });
  });

  it('dies with the scope that made it, not with an inner one that dropped it', () => {
    const { engine, memory, make } = book();
    memory.scope(() => {
      const outer = memory.hold([make()]);
      memory.scope(() => {
        make();
        expect(engine.live()).toBe(2);
        memory.drop(outer);
      });
      expect(engine.live()).toBe(1);
      expect(outer[0]![0]).toBe(0);
    });
    expect(engine.live()).toBe(0);
  });

  it('survives an inner scope that made it and is held by an outer one', () => {
    const { engine, memory, make } = book();
    memory.scope(() => {
      const inner = memory.scope(() => memory.hold([make()]));
      expect(engine.live()).toBe(1);
      memory.drop(inner);
      expect(engine.live()).toBe(0);
    });
  });

  it('dies when the scope throws, and the error goes on', () => {
    const { engine, memory, make } = book();
    const error = new Error('stop');
    expect(() =>
      memory.scope(() => {
        make();
        memory.scope(() => {
          make();
          throw error;
        });
      }),
    ).toThrow(error);
    expect(engine.live()).toBe(0);
    // The book is in order: what is made now belongs to a new scope.
    memory.scope(make);
    expect(engine.live()).toBe(0);
  });

  it('made outside every scope lives until everything is released', () => {
    const { engine, memory, make } = book();
    make();
    memory.scope(() => undefined);
    expect(engine.live()).toBe(1);
    memory.releaseAll();
    expect(engine.live()).toBe(0);
  });
});

describe('adoption', () => {
  it('is not repeated: an array adopted twice is released once', () => {
    const { engine, memory } = book();
    memory.scope(() => {
      const x = engine.zeros(new Float64Array(4));
      memory.adopt(x);
      memory.adopt(x);
      memory.adoptState([x, x]);
      expect(memory.ledger.bytes).toBe(32);
    });
    expect(engine.live()).toBe(0);
  });

  it('covers every result of the engine, and leaves the rest of the engine as it is', () => {
    const { engine, memory } = book();
    const x = Float64Array.of(3, 4);
    memory.scope(() => {
      const sum = memory.engine.combine(x, [{ coefficient: 2, value: x }]);
      expect([...sum]).toEqual([9, 12]);
      expect(memory.ledger.bytes).toBe(16);
    });
    expect(engine.live()).toBe(0);
    expect(memory.engine.dot(x, x)).toBe(25);
    expect(memory.engine.name).toBe('float64');
    expect(memory.engine.roundoff).toBe(2 ** -53);
    expect(memory.engine.bytes(x)).toBe(16);
  });

  it('serves an engine that is an instance of a class with private members', () => {
    class Counting implements Engine<number[]> {
      readonly name = 'class';
      readonly roundoff = 2 ** -53;
      #alive = 0;
      get alive(): number {
        return this.#alive;
      }
      combine(base: number[] | undefined): number[] {
        this.#alive += 1;
        return [...(base ?? [])];
      }
      zeros(like: number[]): number[] {
        this.#alive += 1;
        return like.map(() => 0);
      }
      dot(): number {
        return this.#alive;
      }
      scaledNorm(): number {
        return this.#alive;
      }
      scaledMax(): number {
        return this.#alive;
      }
      isFinite(): boolean {
        return this.#alive >= 0;
      }
      bytes(x: number[]): number {
        return x.length * 8 + 0 * this.#alive;
      }
      release(): void {
        this.#alive -= 1;
      }
    }
    const engine = new Counting();
    const memory = createMemory(engine, createLedger());
    memory.scope(() => {
      const x = memory.engine.zeros([1, 2]);
      expect(memory.engine.dot(x, x)).toBe(1);
      expect(memory.engine.isFinite(x)).toBe(true);
      expect(memory.engine.bytes(x)).toBe(16);
      memory.engine.combine(x, [{ coefficient: 1, value: x }]);
      expect(engine.alive).toBe(2);
    });
    expect(engine.alive).toBe(0);
  });
});

describe("the caller's arrays", () => {
  it('are counted while they are held, and never released', () => {
    const { engine, memory } = book();
    const own = engine.zeros(new Float64Array(4));
    memory.scope(() => {
      memory.hold([own]);
      expect(memory.ledger.bytes).toBe(32);
      memory.hold([own]);
      expect(memory.ledger.bytes).toBe(32);
      memory.drop([own]);
      memory.drop([own]);
      expect(memory.ledger.bytes).toBe(0);
    });
    memory.keep([own]);
    memory.releaseAll();
    expect(memory.ledger).toMatchObject({ bytes: 0, keptStateBytes: 0 });
    expect(engine.live()).toBe(1);
    expect(own[0]).toBe(0);
    engine.release(own);
  });

  it('become theirs by escaping, alive or already gone from the book', () => {
    const { engine, memory, make } = book();
    const escaped = memory.scope(() => {
      const x = make();
      memory.hold([x]);
      return memory.escape([x]);
    });
    expect(engine.live()).toBe(1);
    expect(memory.ledger.bytes).toBe(0);
    memory.escape(escaped);
    memory.releaseAll();
    expect(engine.live()).toBe(1);
    engine.release(escaped[0]!);
  });
});

describe('states kept for the backward pass', () => {
  it('are booked once however often they are kept', () => {
    const { engine, memory, make } = book();
    memory.scope(() => {
      const y = [make(), make()];
      memory.keep(y);
      memory.keep([y[0]!]);
    });
    expect(memory.ledger.keptStateBytes).toBe(64);
    const [first] = memory.scope(() => {
      const z = [make()];
      memory.keep(z);
      return z;
    });
    expect(memory.ledger).toMatchObject({ keptStateBytes: 96, keptStateBytesPeak: 96, bytes: 96 });
    memory.forget([first!]);
    expect(memory.ledger).toMatchObject({ keptStateBytes: 64, keptStateBytesPeak: 96 });
    expect(engine.live()).toBe(2);
    memory.releaseAll();
    expect(memory.ledger).toMatchObject({ keptStateBytes: 0, bytes: 0 });
    expect(engine.live()).toBe(0);
  });

  it('may contain the same array twice', () => {
    const { engine, memory, make } = book();
    memory.scope(() => {
      const x = make();
      memory.hold([x, x]);
      memory.keep([x, x]);
      expect(memory.ledger).toMatchObject({ bytes: 32, keptStateBytes: 32 });
      memory.drop([x, x]);
    });
    expect(engine.live()).toBe(1);
    memory.scope(() => undefined);
    expect(memory.ledger.keptStateBytes).toBe(32);
    memory.releaseAll();
    expect(engine.live()).toBe(0);
  });
});

describe('linearizations', () => {
  it('are booked as activations, their values as arrays', () => {
    const { engine, memory } = book();
    const linearization = linearizationOf(engine);
    memory.scope(() => {
      memory.adoptLinearization(linearization);
      expect(memory.ledger).toMatchObject({ bytes: 132, activationBytes: 100 });
      memory.holdLinearization(linearization);
    });
    // The value died with the scope, the activations are held.
    expect(engine.live()).toBe(0);
    expect(memory.ledger).toMatchObject({ bytes: 100, activationBytes: 100 });
    expect(linearization.released).toBe(0);
    memory.dropLinearization(linearization);
    expect(linearization.released).toBe(1);
    expect(memory.ledger).toMatchObject({ bytes: 0, activationBytes: 0, activationBytesPeak: 100 });
  });

  it('are released with everything else, once', () => {
    const { engine, memory } = book();
    const linearization = memory.adoptLinearization(linearizationOf(engine));
    memory.holdLinearization(linearization);
    memory.releaseAll();
    memory.releaseAll();
    expect(linearization.released).toBe(1);
    expect(engine.live()).toBe(0);
  });
});
