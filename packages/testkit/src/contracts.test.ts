import { integral, pi, pid, Registry } from '@odegrad/core';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint, { auto } from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux, { dopri5, euler, fehlberg45 } from '@odegrad/tableaux';
import { rungeKutta } from '@odegrad/core';
import { describeController } from './controller-contract.ts';
import { describeEngine } from './engine-contract.ts';
import { createFloat64Engine, type Float64Engine } from './float64-engine.ts';
import { describeGradient } from './gradient-contract.ts';
import { describeSolver } from './solver-contract.ts';

const registry = new Registry();
for (const plugin of [tableaux, backprop, adjoint, checkpoint, symplectic]) registry.use(plugin);
const all = <K extends 'solver' | 'gradient'>(kind: K) =>
  registry.names(kind).map((name) => registry.get(kind, name));

// A schedule and the adjoint on every solver; with ODEGRAD_ALL the other schedules too, which go through the same recursion. Their
// packages try them on two stages and on a method whose last slope is the next step's first; here are one stage, and one whose is not.
const onAll = ['symplectic', 'adjoint'];
const each = [euler, fehlberg45].map(rungeKutta);

let engine: Float64Engine = createFloat64Engine();
describeEngine({
  name: 'float64',
  create: () => (engine = createFloat64Engine()),
  make: (values) => engine.combine(undefined, [{ coefficient: 1, value: Float64Array.from(values) }]),
  read: (x) => x,
  live: () => engine.live(),
});

for (const controller of [pi, integral, pid({ p: 0.7, i: 0.2, d: 0.1 })]) {
  describeController(controller, rungeKutta(dopri5));
}
for (const solver of all('solver')) describeSolver(solver);
for (const strategy of all('gradient')) {
  // One gradient has nothing to go by without a budget; this one is neither ample nor the least.
  const timed = strategy.name === 'auto';
  const solvers = onAll.includes(strategy.name) || process.env['ODEGRAD_ALL'] ? all('solver') : each;
  describeGradient(timed ? auto({ maxBytes: 6000 }) : strategy, { solvers, timed });
}
