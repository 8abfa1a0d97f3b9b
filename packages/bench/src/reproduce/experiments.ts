import { cnf } from './cnf/cnf.ts';
import type { Experiment } from './experiment.ts';
import { memory } from './memory/memory.ts';
import { cahnHilliard, kdv } from './pde/pde.ts';
import { robustness } from './robustness/robustness.ts';

/** The experiments that can be reproduced, in the order of the report. */
export const experiments: readonly Experiment[] = [memory, robustness, kdv, cahnHilliard, cnf];
