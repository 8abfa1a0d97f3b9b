import { EngineError } from '@odegrad/core';

/** What is thrown by a pullback that comes too late. */
const tooLate = (): EngineError => new EngineError('This linearization was released.');

/** A linearization, at a point or of steps. */
interface Releasable<Asked extends unknown[]> {
  pullback(...asked: Asked): unknown;
  release(): void;
}

/** The linearization, released once however often it is told, and not pulled back through afterwards. */
export function releasedOnce<Asked extends unknown[], T extends Releasable<Asked>>(linearization: T): T {
  let alive = true;
  return {
    ...linearization,
    pullback(...asked: Asked) {
      if (!alive) throw tooLate();
      return linearization.pullback(...asked);
    },
    release() {
      if (!alive) return;
      alive = false;
      linearization.release();
    },
  };
}
