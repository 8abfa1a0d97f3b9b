import { combineStates, sizeOf, stageTime, type Solver, type State } from '@odegrad/core';

/** Half a step of Euler's method, then a step with the slope found there: the midpoint method without a tableau. */
export const halfway: Solver = {
  name: 'halfway',
  order: 2,
  stages: 2,
  traceable: true,
  step(evaluator, span, y, { first }) {
    const along = (slope: State<(typeof y)[number]>, by: number) =>
      combineStates(evaluator.engine, y, [{ coefficient: by, value: slope }], sizeOf(span));
    const start = first ?? evaluator.at(span, 0, y);
    const middle = evaluator.at(span, 1 / 2, along(start.slope!, 1 / 2));
    return { y: along(middle.slope!, 1), stages: [start, middle] };
  },
  restage(evaluator, span, y, slopes) {
    const start = evaluator.at(span, 0, y);
    const terms = [{ coefficient: 1 / 2, value: start.slope! }];
    const at = combineStates(evaluator.engine, y, terms, sizeOf(span));
    return [start, slopes === 'all' ? evaluator.at(span, 1 / 2, at) : { t: stageTime(span, 1 / 2), y: at }];
  },
  adjointStep({ engine, span, cotangent, pullback, withTime }) {
    const dot = (x: typeof cotangent, y: typeof cotangent) =>
      x.reduce((sum, part, i) => sum + engine.dot(part, y[i]!), 0);
    const scaled = (by: number, value: typeof cotangent) =>
      combineStates(engine, undefined, [{ coefficient: by, value }], sizeOf(span));
    const middle = pullback(1, scaled(1, cotangent));
    const start = pullback(0, scaled(1 / 2, middle.y));
    const y = combineStates(engine, cotangent, [
      { coefficient: 1, value: middle.y },
      { coefficient: 1, value: start.y },
    ]);
    if (!withTime) return { y, t0: 0, t1: 0 };
    const hBar = dot(cotangent, middle.slope!) + dot(middle.y, start.slope!) / 2 + middle.t / 2;
    return { y, t0: start.t + middle.t - hBar, t1: hBar };
  },
};
