import { EngineError, type Linearization } from '@odegrad/core';

/** The linearization, released once however often it is told, and not pulled back through afterwards. */
export function releasedOnce<A>(linearization: Linearization<A>): Linearization<A> {
  let alive = true;
  return {
    ...linearization,
    pullback(cotangent, withTime) {
      if (!alive) throw new EngineError('This linearization was released.');
      return linearization.pullback(cotangent, withTime);
    },
    release() {
      if (!alive) return;
      alive = false;
      linearization.release();
    },
  };
}
