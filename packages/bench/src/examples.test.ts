import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './program.ts';
import { expected } from './workloads/spec.ts';

// What was built: the command as it is installed.
const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

let folder: string;
let env: NodeJS.ProcessEnv;

function shell(command: string): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

/** A python3 that is a peer, for machines without torch; what it was asked for is the last argument. */
const PYTHON = `#!${process.execPath}
const fs = require('fs');
const [, , file, library, ...rest] = process.argv;
const run = rest.find((name) => name.startsWith('W'));
const program = fs.readFileSync(file, 'utf8');
if (!program.includes('"' + library + '"')) throw new Error(library);
console.log(JSON.stringify({ name: library, check: ${JSON.stringify(expected)}[run] }));
require('readline').createInterface({ input: process.stdin }).on('line', (n) => console.log(50 * n));
`;

/** What the command explains of itself, without a process. */
async function helpOf(command: string): Promise<string> {
  let help = '';
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      help += chunk.toString();
      done();
    },
  });
  await run([command, '--help'], { out, err: out });
  return help;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odegrad-'));
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'odegrad'), `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`, {
    mode: 0o755,
  });
  await writeFile(join(bin, 'python3'), PYTHON, { mode: 0o755 });
  env = { ...process.env, PATH: `${bin}:${process.env['PATH']!}` };
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** The same with less work: fewer iterations and repetitions, and smaller states. */
function shortened(example: string): string {
  // The shortest of the experiments stands for all.
  if (example.startsWith('odegrad reproduce'))
    return example.replace(/reproduce \S+( --full)?/, 'reproduce robustness');
  const [command] = /(?<=^odegrad )\w+/.exec(example) ?? [];
  const fewer: Partial<Record<string, string>> = {
    train: '--iterations 2',
    field: '--runs 1',
    crossover: '--rows 1 --turns 1',
    gradients: '--width 2 --batch 2',
    solve: '--runs 1',
    against: '--turns 1',
    detest: '--tableau dopri5 --class A --tolerance 1e-4',
    memory: '--workloads spiral --strategies symplectic --stepped symplectic --steps 100',
  };
  return command && fewer[command] ? example.replace(command, `${command} ${fewer[command]}`) : example;
}

describe.skipIf(process.platform === 'win32')('the examples in the help', () => {
  it('run as they stand', { timeout: 900_000 }, async () => {
    const top = shell('odegrad --help').out;
    const commands = [...top.matchAll(/^ {2}(\w+) (?:\[|<| {2})/gm)].map(([, name]) => name!);
    expect(commands).toEqual(
      expect.arrayContaining([
        'demo',
        'train',
        'gradients',
        'field',
        'solve',
        'against',
        'detest',
        'crossover',
        'reproduce',
        'help',
      ]),
    );
    const helps = await Promise.all(commands.map(helpOf));
    const examples = [top, ...helps].flatMap((help) => {
      const lines = help
        .slice(help.indexOf('\nExamples'))
        .split('\n')
        .filter((text) => text.startsWith('  odegrad '));
      expect(lines).not.toHaveLength(0);
      return lines.map((text) => text.trim());
    });
    // Every other one, the last among them; all with ODEGRAD_ALL. The demo and the experiments have tests of their own.
    const isLong = (text: string): boolean => /^odegrad (demo|reproduce)/.test(text);
    const chosen = [...new Set(examples)].filter(
      (text, i, all) =>
        process.env['ODEGRAD_ALL'] || (!isLong(text) && (i % 2 === 0 || i === all.length - 1)),
    );
    for (const example of chosen) {
      const { status, err } = shell(shortened(example));
      expect([example, status, err.match(/^odegrad: .*$/m)?.[0]]).toEqual([example, 0, undefined]);
    }
    // Those that an example names, or writes without being told.
    for (const name of ['odegrad-report.html', 'seed-7.html', 'lynx-hare.html', 'log.jsonl', 'paper.html']) {
      const wanted = chosen.some(
        (text) => text.includes(name) || (text === 'odegrad demo' && name.startsWith('odegrad')),
      );
      expect([name, existsSync(join(folder, name))]).toEqual([name, wanted]);
    }
  });
});
