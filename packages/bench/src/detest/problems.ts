import { classA } from './class-a.ts';
import { classB } from './class-b.ts';
import { classC } from './class-c.ts';
import { classD } from './class-d.ts';
import { classE } from './class-e.ts';
import type { DetestProblem } from './problem.ts';

/**
 * The problems of DETEST by class: T. E. Hull, W. H. Enright, B. M. Fellen, A. E. Sedgwick, Comparing Numerical Methods for Ordinary
 * Differential Equations, SIAM J. Numer. Anal. 9 (1972).
 */
export const detestProblems: Readonly<Record<string, readonly DetestProblem[]>> = {
  A: classA,
  B: classB,
  C: classC,
  D: classD,
  E: classE,
};
