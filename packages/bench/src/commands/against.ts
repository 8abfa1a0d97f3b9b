import { fileURLToPath } from 'node:url';
import { ArgumentError } from '@odegrad/core';
import { Command } from 'commander';
import { DEFAULT_ENGINE } from './defaults.ts';
import { openBar } from '../bar.ts';
import { openEngine } from '../engines.ts';
import { engineName, gradientName } from '../names.ts';
import { listOption, positiveNumber, seconds, wholeNumber } from '../parse.ts';
import { openPeer, PATIENCE_S, type Evaluations } from '../peer.ts';
import { registry } from '../registry.ts';
import { jsonLine, line, type Streams } from '../streams.ts';
import { textTable, type Column } from '../text-table.ts';
import type { Accuracy } from '../workloads/accuracy.ts';
import type { Ratio } from '../workloads/in-turns.ts';
import { findRun, findWorkload } from '../workloads/open.ts';
import { workloadNames, type RunSpec } from '../workloads/spec.ts';
import { timeAgainst, type AgainstTiming } from '../workloads/time-against.ts';

interface Options {
  readonly workload: string;
  readonly run?: string;
  readonly strategy: readonly string[];
  readonly engine: string;
  readonly rtol?: number;
  readonly turns: number;
  readonly timeout: number;
  readonly json?: true;
}

/** The peers that come with this package, as a shell takes them. */
const PYTORCH = quoted(fileURLToPath(new URL('../../peers/pytorch.py', import.meta.url)));
const JAX = quoted(fileURLToPath(new URL('../../peers/with_jax.py', import.meta.url)));

/** `odegrad against`: times a workload by turns with another program. */
export function againstCommand(streams: Streams): Command {
  return new Command('against')
    .summary('time values and gradients by turns with another program')
    .description(
      'Times values and gradients of a workload by turns with another program’s, and gives the ratio of their times, ' +
        'turn by turn: what else the machine does strikes both. The program must solve the same (its check is compared): it prints ' +
        '{"name": …, "check": {"loss": …, "gnorm_y0": …, "gnorm_params": …}} as a line, and for each line with a ' +
        'whole number n that it reads the milliseconds of n values and gradients. What it may tell beyond that, and have ' +
        'compared too (solves without a gradient, evaluations, accuracy), is in the README of @odegrad/bench.',
    )
    .argument('<program...>', 'the other program and its arguments, after --')
    .requiredOption('--workload <name>', workloadNames)
    .option('--run <name>', "the workload's run, by default its first: W3-dopri5, say")
    .addOption(listOption('--strategy <names>', 'strategies', ['symplectic'], gradientName))
    .option(
      '--engine <name>',
      'engine, with a backend where it has several: tfjs:wasm, onnx',
      engineName,
      DEFAULT_ENGINE,
    )
    .option(
      '--rtol <x>',
      "our tolerance in an adaptive run, where another than the run's gives equal accuracy",
      positiveNumber,
    )
    .option('--turns <n>', 'turns', wholeNumber, 20)
    .option('--timeout <s>', 'seconds that an answer of the other program may take', seconds, PATIENCE_S)
    .option('--json', 'print JSON lines, one object for each strategy')
    .addHelpText(
      'after',
      '\nThe examples need python3 with numpy, torch (or jax) and the library that is named.\n\nExamples:\n' +
        `  odegrad against --workload small -- python3 ${PYTORCH} torch_symplectic_adjoint odeint_symplectic_adjoint W2-dopri5\n` +
        `  odegrad against --workload spiral --strategy backprop,stages -- python3 ${PYTORCH} torchdiffeq odeint W1-rk4\n` +
        `  odegrad against --workload series --engine auto -- python3 ${PYTORCH} torchdiffeq odeint W6-dopri5-adaptive\n` +
        `  odegrad against --workload spiral --engine wasm -- python3 ${JAX} diffrax W1-rk4`,
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
  const run = withTolerance(findRun(spec, options.run), options.rtol);
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
  else {
    line(out, textTable(rows.flatMap(timesOf), columns));
    line(out, textTable(workOf(rows), workColumns, 1));
  }
}

/** A run, with another relative tolerance where one is given. */
function withTolerance(run: RunSpec, rtol: number | undefined): RunSpec {
  if (rtol === undefined) return run;
  if (run.mode === 'adaptive') return { ...run, rtol };
  throw new ArgumentError(
    '`--rtol` is for runs with adaptive steps; this one has constant steps. Leave it out.',
  );
}

/** A path in quotes, where it needs them. */
function quoted(path: string): string {
  return /^[\w./:\\-]+$/.test(path) ? path : JSON.stringify(path);
}

/** A row of the table of times. */
interface TimesRow extends Ratio {
  readonly what: string;
  readonly strategy: string;
  readonly row: AgainstTiming;
}

/** Its value and gradient; before that of the first strategy, the solve without a gradient, which is one for all. */
function timesOf(row: AgainstTiming, i: number): TimesRow[] {
  const gradient = { ...row, row, what: 'value + gradient', ms: row.gradMs };
  return i === 0 && row.forward
    ? [{ ...row.forward, strategy: '–', row, what: 'solve' }, gradient]
    : [gradient];
}

const columns: readonly Column<TimesRow>[] = [
  ['workload', ({ row }) => row.workload],
  ['engine', ({ row }) => row.engine],
  ['strategy', ({ strategy }) => strategy],
  ['what', ({ what }) => what],
  ['time', ({ ms }) => `${ms.toFixed(2)} ms`],
  ['peer', ({ row }) => row.peer],
  ['its time', ({ peerMs }) => `${peerMs.toFixed(2)} ms`],
  [
    'its time / ours',
    ({ ratio, ratioLow, ratioHigh }) =>
      `${ratio.toFixed(2)} (${ratioLow.toFixed(2)} to ${ratioHigh.toFixed(2)})`,
  ],
];

/** What one value and gradient takes, and how near it comes. */
interface WorkRow {
  readonly name: string;
  readonly firstMs?: number | undefined;
  readonly evaluations?: Evaluations | undefined;
  readonly accuracy?: Accuracy | undefined;
}

function workOf(rows: readonly AgainstTiming[]): WorkRow[] {
  const { peer, peerFirstMs, peerEvaluations, peerAccuracy } = rows[0]!;
  const ours = rows.map(({ strategy, ...row }) => ({ ...row, name: strategy }));
  return [
    ...ours,
    { name: peer, firstMs: peerFirstMs, evaluations: peerEvaluations, accuracy: peerAccuracy },
  ];
}

const workColumns: readonly Column<WorkRow>[] = [
  ['value + gradient', ({ name }) => name],
  ['the first time', ({ firstMs }) => (firstMs === undefined ? '–' : `${firstMs.toFixed(0)} ms`)],
  ['evaluations forward', ({ evaluations }) => evaluations?.forward ?? '–'],
  ['backward', ({ evaluations }) => evaluations?.backward ?? '–'],
  ['VJPs', ({ evaluations }) => evaluations?.pullbacks ?? '–'],
  ['error of outputs', ({ accuracy }) => accuracy?.outputs.toExponential(1) ?? '–'],
  ['of the gradient', ({ accuracy }) => accuracy?.gradient.toExponential(1) ?? '–'],
];
