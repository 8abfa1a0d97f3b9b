import type { DifferentiableSolver, Plugin } from '@odegrad/core';

import { verlet, yoshida4, yoshida6 } from './methods.ts';
import { partitionedRungeKutta } from './partitioned.ts';

export { partitionedRungeKutta } from './partitioned.ts';
export {
  composition,
  verifyPartitioned,
  type Group,
  type PartitionedTableau,
  type Weights,
} from './tableau.ts';
export { verlet, yoshida4, yoshida6 };

const solvers: readonly DifferentiableSolver[] = [verlet, yoshida4, yoshida6].map(partitionedRungeKutta);

/** Explicit symplectic methods for separable Hamiltonians, by ascending order. */
const plugin: Plugin = { name: '@odegrad/partitioned', solvers };

export default plugin;
