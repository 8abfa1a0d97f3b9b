import type { DifferentiableSolver, Plugin } from '@odegrad/core';

import { implicitRungeKutta } from './implicit-runge-kutta.ts';
import { gauss4, gauss6, implicitMidpoint } from './tableaux/gauss.ts';
import { kvaerno3 } from './tableaux/kvaerno3.ts';
import { kvaerno5 } from './tableaux/kvaerno5.ts';
import { radau5 } from './tableaux/radau5.ts';
import { trbdf2 } from './tableaux/trbdf2.ts';

export { implicitRungeKutta } from './implicit-runge-kutta.ts';
export type { ImplicitOptions } from './options.ts';
export { gauss4, gauss6, implicitMidpoint, kvaerno3, kvaerno5, radau5, trbdf2 };

const solvers: readonly DifferentiableSolver[] = [
  implicitMidpoint,
  trbdf2,
  kvaerno3,
  gauss4,
  kvaerno5,
  radau5,
  gauss6,
].map((tableau) => implicitRungeKutta(tableau));

/** Implicit Runge–Kutta methods, by ascending order. */
const plugin: Plugin = { name: '@odegrad/implicit', solvers };

export default plugin;
