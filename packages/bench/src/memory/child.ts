import process from 'node:process';
import { measureKeptSteps, type KeptStepsTask } from './kept-steps.ts';
import { measureResident, type ResidentTask } from './resident.ts';

// A process of its own for one measurement, since memory that a process once had tells of all that it did.
const task = JSON.parse(process.argv[2]!) as ResidentTask | KeptStepsTask;
const measured = task.kind === 'resident' ? await measureResident(task) : await measureKeptSteps(task);
process.stdout.write(JSON.stringify(measured));
