import type { Program } from '../ir/program.ts';
import { verified } from '../ir/verify.ts';

/** A rewriting of programs that keeps what they compute, to rounding. */
export interface Pass {
  readonly name: string;
  readonly run: (program: Program) => Program;
}

/** The program after these passes, one after the other; in tests each result is verified. */
export function runPasses(passes: readonly Pass[], program: Program): Program {
  return passes.reduce((before, { name, run }) => verified(run(before), name), program);
}
