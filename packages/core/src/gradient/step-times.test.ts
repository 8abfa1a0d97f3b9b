import { expect, it } from 'vitest';
import { fixedPace, type Proposal } from '../stepping/pace.ts';
import type { Problem } from '../types/problem.ts';
import { createStepTimes } from './step-times.ts';

it('gives back what it was given, over several intervals and down in time', () => {
  for (const ts of [
    [0, 0.3, 1, 1.1],
    [2, 0.1, -1],
  ]) {
    const pace = fixedPace<never>({ ts } as unknown as Problem<never>, { numSteps: 3 });
    const steps: Proposal[] = [];
    for (let limit = 1; steps.length < 3 * (ts.length - 1); limit++)
      steps.push(...pace.propose(NaN, steps.length, limit));
    expect(pace.propose(NaN, steps.length, 1)).toEqual([]);
    const times = createStepTimes();
    for (const step of steps) times.add(step);
    expect(times.length).toBe(steps.length);
    expect(steps.map((_, n) => times.at(n))).toEqual(steps);
  }
});

it('knows ends that move with the landing alone', () => {
  const steps: Proposal[] = [
    { span: { t0: 0, t1: 0.4 }, moves: [0, 0], lands: false, interval: 0 },
    { span: { t0: 0.4, t1: 1 }, moves: [0, 1], lands: true, interval: 0 },
    { span: { t0: 1, t1: 2 }, moves: [0, 1], lands: true, interval: 1 },
  ];
  const times = createStepTimes();
  for (const step of steps) times.add(step);
  expect(steps.map((_, n) => times.at(n))).toEqual(steps);
});
