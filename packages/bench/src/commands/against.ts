import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { openBar } from '../bar.ts';
import { openEngine } from '../engines.ts';
import { engineName, gradientName } from '../names.ts';
import { listOption, seconds, wholeNumber } from '../parse.ts';
import { openPeer, PATIENCE_S } from '../peer.ts';
import { registry } from '../registry.ts';
import { jsonLine, line, type Streams } from '../streams.ts';
import { textTable, type Column } from '../text-table.ts';
import { findRun, findWorkload } from '../workloads/open.ts';
import { timeAgainst, type AgainstTiming } from '../workloads/time-against.ts';

interface Options {
  readonly workload: string;
  readonly run?: string;
  readonly strategy: readonly string[];
  readonly engine: string;
  readonly turns: number;
  readonly timeout: number;
  readonly json?: true;
}

/** The peer that comes with this package, as a shell takes it. */
const PYTORCH = quoted(fileURLToPath(new URL('../../peers/pytorch.py', import.meta.url)));

/** `odegrad against`: times a workload by turns with another program. */
export function againstCommand(streams: Streams): Command {
  return new Command('against')
    .summary('time values and gradients by turns with another program')
    .description(
      'Times values and gradients of a workload by turns with another program’s, and gives the ratio of their times, ' +
        'turn by turn: what else the machine does strikes both. The program must solve the same (its check is compared): it prints ' +
        '{"name": …, "check": {"loss": …, "gnorm_y0": …, "gnorm_params": …}} as a line, and for each line with a ' +
        'whole number n that it reads the milliseconds of n values and gradients.',
    )
    .argument('<program...>', 'the other program and its arguments, after --')
    .requiredOption('--workload <name>', 'spiral, small, medium, cnf, kdv (or W1 … W5)')
    .option('--run <name>', "the workload's run, by default its first: W3-dopri5, say")
    .addOption(listOption('--strategy <names>', 'strategies', ['symplectic'], gradientName))
    .option(
      '--engine <name>',
      'engine, with a backend where it has several: tfjs:wasm, onnx',
      engineName,
      'onnx',
    )
    .option('--turns <n>', 'turns', wholeNumber, 20)
    .option('--timeout <s>', 'seconds that an answer of the other program may take', seconds, PATIENCE_S)
    .option('--json', 'print JSON lines, one object for each strategy')
    .addHelpText(
      'after',
      '\nThe examples need python3 with numpy, torch and the library that is named.\n\nExamples:\n' +
        `  odegrad against --workload small -- python3 ${PYTORCH} torch_symplectic_adjoint odeint_symplectic_adjoint W2-dopri5\n` +
        `  odegrad against --workload spiral --strategy backprop,stages -- python3 ${PYTORCH} torchdiffeq odeint W1-rk4`,
    )
    .action(async ([program, ...args]: [string, ...string[]], options: Options) => {
      await against(program, args, options, streams);
    });
}

async function against(
  program: string,
  args: readonly string[],
  options: Options,
  { out, err }: Streams,
): Promise<void> {
  const spec = findWorkload(options.workload);
  const run = findRun(spec, options.run);
  const strategies = options.strategy.map((name) => registry.get('gradient', name));
  const choice = await openEngine(options.engine, registry, err);
  const peer = await openPeer(program, args, options.timeout);
  const bar = openBar(err, '{bar} {value}/{total} turns', options.turns, {});
  let rows: AgainstTiming[];
  try {
    rows = await timeAgainst(spec, run, choice, strategies, peer, options.turns, (turn) => {
      bar.update(turn);
    });
  } finally {
    bar.stop();
    await peer.close();
  }
  if (options.json) for (const row of rows) jsonLine(out, row);
  else line(out, textTable(rows, columns));
}

/** A path in quotes, where it needs them. */
function quoted(path: string): string {
  return /^[\w./:\\-]+$/.test(path) ? path : JSON.stringify(path);
}

const columns: readonly Column<AgainstTiming>[] = [
  ['workload', (row) => row.workload],
  ['engine', (row) => row.engine],
  ['strategy', (row) => row.strategy],
  ['value + gradient', (row) => `${row.gradMs.toFixed(2)} ms`],
  ['peer', (row) => row.peer],
  ['its time', (row) => `${row.peerMs.toFixed(2)} ms`],
  [
    'its time / ours',
    (row) => `${row.ratio.toFixed(2)} (${row.ratioLow.toFixed(2)} to ${row.ratioHigh.toFixed(2)})`,
  ],
];
