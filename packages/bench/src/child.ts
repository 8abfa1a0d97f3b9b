import { spawn } from 'node:child_process';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';
import { onExit } from './on-exit.ts';

/** A program that was started, and that does not outlive this one. */
export interface Child {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** How it ended, once it has and all of its output is here. */
  readonly ended: Promise<string>;
  /** The last of what it printed so far, errors too. */
  printed(): string;
  /** Ends it and what it started: asks first, insists after two seconds. */
  end(): Promise<void>;
}

const GRACE_MS = 2000;
const KEPT_CHARACTERS = 1000;

/** Starts a program. */
export function startChild(program: string, args: readonly string[]): Child {
  // A group of its own, so that what a script or a launcher starts ends with it. Windows has no such groups.
  const grouped = process.platform !== 'win32';
  const child = spawn(program, args, { stdio: 'pipe', detached: grouped });
  const output = { stdout: '', stderr: '', both: '' };
  const keep = (name: 'stdout' | 'stderr', text: string): void => {
    for (const key of [name, 'both'] as const) output[key] = (output[key] + text).slice(-KEPT_CHARACTERS);
  };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      keep(name, text);
    });
  }
  // What cannot be written to a program that ended is missed when its answer is read.
  child.stdin.on('error', () => undefined);

  const kill = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      if (grouped) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // Nothing of it is left.
    }
  };
  const forget = onExit(() => {
    kill('SIGKILL');
  });
  const exit = new Promise<void>((resolve) => {
    child.on('exit', () => {
      resolve();
    });
    child.on('error', () => {
      resolve();
    });
  });
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => {
      resolve(`could not be started: ${error.message}`);
    });
    child.on('close', (code, signal) => {
      const words = output.stderr.trimEnd().split('\n');
      // After an error some programs name their version.
      const last = words.findLast((text) => /Error\b/.test(text)) ?? words.at(-1);
      resolve(`ended (${signal ?? `exit status ${code!}`})${last ? `: ${last}` : ' without a word'}`);
    });
  });

  return {
    stdin: child.stdin,
    stdout: child.stdout,
    ended,
    printed: () => output.both.trim(),
    async end() {
      kill('SIGTERM');
      const late = setTimeout(() => {
        kill('SIGKILL');
      }, GRACE_MS);
      await exit;
      clearTimeout(late);
      kill('SIGKILL');
      forget();
      // Whoever left the group may hold these still.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    },
  };
}
