import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ChainTask } from './chain.ts';
import type { KeptSteps, KeptStepsTask } from './kept-steps.ts';
import type { Resident, ResidentTask } from './resident.ts';

// From sources, as in this package's tests, what was built of them is run: a child gets no loader.
const entry = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../dist/memory/child.js' : './child.js', import.meta.url),
);

/** Does a measurement in a fresh process. */
export async function inChild(task: ResidentTask | ChainTask): Promise<Resident>;
export async function inChild(task: KeptStepsTask): Promise<KeptSteps>;
export async function inChild(task: ResidentTask | KeptStepsTask | ChainTask): Promise<Resident | KeptSteps> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    entry,
    JSON.stringify(task),
  ]);
  return JSON.parse(stdout) as Resident | KeptSteps;
}
