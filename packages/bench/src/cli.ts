#!/usr/bin/env node
import process from 'node:process';
import { run } from './program.ts';

// A reader that has seen enough, `head` say, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await run(process.argv.slice(2), { out: process.stdout, err: process.stderr });
