import { EngineError, type Linearization } from '@odegrad/core';

/** What is thrown by a pullback that comes too late. */
export const tooLate = (): EngineError => new EngineError('This linearization was released.');

/** The linearization, released once however often it is told, and not pulled back through afterwards. */
export function releasedOnce<A>(linearization: Linearization<A>): Linearization<A> {
  let alive = true;
  return {
    ...linearization,
    pullback(cotangent, withTime) {
      if (!alive) throw tooLate();
      return linearization.pullback(cotangent, withTime);
    },
    release() {
      if (!alive) return;
      alive = false;
      linearization.release();
    },
  };
}
