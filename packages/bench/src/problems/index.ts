import { lynxHare } from './lynx-hare.ts';
import type { Problem } from './problem.ts';
import { spiral } from './spiral.ts';

/** The problems that `odegrad train` knows. */
export const problems: readonly Problem[] = [lynxHare, spiral];
