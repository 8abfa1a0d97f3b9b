import process from 'node:process';
import { measureChain, type ChainTask } from './chain.ts';
import { measureKeptSteps, type KeptStepsTask } from './kept-steps.ts';
import { measureResident, type ResidentTask } from './resident.ts';

// A process of its own for one measurement, since memory that a process once had tells of all that it did.
type Task = ResidentTask | KeptStepsTask | ChainTask;

function measure(task: Task): Promise<object> {
  if (task.kind === 'resident') return measureResident(task);
  return task.kind === 'chain' ? measureChain(task) : measureKeptSteps(task);
}

process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2]!) as Task)));
