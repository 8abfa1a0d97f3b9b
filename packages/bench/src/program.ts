import { readFileSync } from 'node:fs';
import { ArgumentError, RegistryError } from '@odegrad/core';
import { Argument, Command, CommanderError } from 'commander';
import { againstCommand } from './commands/against.ts';
import { crossoverCommand } from './commands/crossover.ts';
import { demoCommand } from './commands/demo.ts';
import { detestCommand } from './commands/detest.ts';
import { fieldCommand } from './commands/field.ts';
import { gradientsCommand } from './commands/gradients.ts';
import { memoryCommand } from './commands/memory.ts';
import { reproduceCommand } from './commands/reproduce.ts';
import { solveCommand } from './commands/solve.ts';
import { trainCommand } from './commands/train.ts';
import { oneOf } from './parse.ts';
import { failureOf, OutputError, remark, result, settled, watch, type Streams } from './streams.ts';
import { systemReason } from './system-reason.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The whole command line, writing to `streams`. */
function program(streams: Streams): Command {
  const root = new Command('odegrad')
    .description('Trains neural ODEs with exact gradients, and compares the ways of computing them.')
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  odegrad demo\n' +
        '  odegrad train lynx-hare --gradient symplectic --report lynx-hare.html\n' +
        '  odegrad gradients --tableau dopri5 --steps 32\n' +
        '  odegrad help gradients',
    );
  for (const command of [
    demoCommand,
    trainCommand,
    gradientsCommand,
    fieldCommand,
    crossoverCommand,
    solveCommand,
    againstCommand,
    memoryCommand,
    detestCommand,
    reproduceCommand,
  ])
    root.addCommand(command(streams));
  root.addCommand(helpCommand(root));
  for (const command of [root, ...root.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => {
        result(streams.out, text);
      },
      writeErr: (text) => streams.err.write(text),
      outputError: (text, write) => {
        // What commander calls an argument here is clear from what follows.
        write(
          text.replace(/^error: (command-argument value .* is invalid for argument '\w+'\. )?/, 'odegrad: '),
        );
      },
    });
  }
  return root;
}

/** Commander's own says nothing about a name that it does not know. */
function helpCommand(root: Command): Command {
  const names = root.commands.map((command) => command.name());
  return new Command('help')
    .summary('explain a command')
    .description('Explains a command, or names them all.')
    .addArgument(new Argument('[command]', 'what to explain').argParser(oneOf('command', names)))
    .addHelpText('after', '\nExamples:\n  odegrad help train')
    .action((name?: string) => {
      (root.commands.find((command) => command.name() === name) ?? root).help();
    });
}

/**
 * Runs the command that `args` name and gives the exit status: 0, 1 where the work failed or could not be written, 2 where
 * the command line was wrong. Nothing but results is written to `streams.out`, unless `streams.err` takes nothing.
 */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  const { out, err } = streams;
  watch(out);
  watch(err);
  let status = await attempt(args, streams);
  await settled(out);
  await settled(err);
  const [unwritten, unsaid] = [failureOf(out), failureOf(err)];
  if (unwritten) {
    remark(
      err,
      `odegrad: Results could not be written to standard output: ${systemReason(unwritten)}. What came after is lost.`,
    );
    status = 1;
  } else if (unsaid) {
    // Lines of JSON are for programs, which look at the status.
    if (!args.includes('--json'))
      remark(out, `odegrad: Remarks could not be written to standard error: ${systemReason(unsaid)}.`);
    status ||= 1;
  }
  return status;
}

async function attempt(args: readonly string[], streams: Streams): Promise<number> {
  try {
    await program(streams).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has written its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // `run` says what became of the stream.
    if (error instanceof OutputError) return 1;
    remark(streams.err, `odegrad: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof ArgumentError || error instanceof RegistryError ? 2 : 1;
  }
}
