import { Command, CommanderError } from 'commander';
import { againstCommand } from './commands/against.ts';
import { demoCommand } from './commands/demo.ts';
import { fieldCommand } from './commands/field.ts';
import { gradientsCommand } from './commands/gradients.ts';
import { memoryCommand } from './commands/memory.ts';
import { solveCommand } from './commands/solve.ts';
import { trainCommand } from './commands/train.ts';
import { line, type Streams } from './streams.ts';

/** The whole command line, writing to `streams`. */
function program(streams: Streams): Command {
  const root = new Command('odegrad')
    .description('Trains neural ODEs with exact gradients, and compares the ways of computing them.')
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
    solveCommand,
    againstCommand,
    memoryCommand,
  ])
    root.addCommand(command(streams));
  for (const command of [root, ...root.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => streams.out.write(text),
      writeErr: (text) => streams.err.write(text),
      outputError: (text, write) => {
        write(text.replace(/^error:/, 'odegrad:'));
      },
    });
  }
  return root;
}

/**
 * Runs the command that `args` name and gives the exit status: 0, 1 where the work failed, 2 where the
 * command line was wrong. Nothing but results is written to `streams.out`.
 */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  try {
    await program(streams).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has written its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    line(streams.err, `odegrad: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}
