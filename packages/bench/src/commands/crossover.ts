import { Command } from 'commander';
import { checkPrecision, engineName } from '../names.ts';
import { dtypeOption, listOption, threadCount, wholeNumber, type FloatType } from '../parse.ts';
import { benchRegistry } from '../registry.ts';
import { jsonLine, line, type Streams } from '../streams.ts';
import { textTable, type Column } from '../text-table.ts';
import { timeCrossover, type Crossover } from '../workloads/time-crossover.ts';

interface Options {
  readonly engines: readonly string[];
  readonly rows: readonly number[];
  readonly inputs: readonly number[];
  readonly hidden: readonly number[];
  readonly dtype: FloatType;
  readonly threads?: number;
  readonly turns: number;
  readonly json?: true;
}

/** `odegrad crossover`: at which size of f one engine becomes faster than another. */
export function crossoverCommand(streams: Streams): Command {
  return new Command('crossover')
    .summary('at which size of f one engine overtakes another')
    .description(
      'Times one value and vector–Jacobian product of dense networks with one hidden layer on two engines, by turns: medians in µs, ' +
        'the ratio turn by turn, what the first one took with recording and compiling, and the bytes of the WebAssembly modules made for it.',
    )
    .addOption(listOption('--engines <names>', 'two engines', ['wasm', 'onnx'], engineName))
    .addOption(listOption('--rows <numbers>', 'rows of the batch', [1, 32, 256], wholeNumber))
    .addOption(listOption('--inputs <numbers>', 'entries of a row', [2, 64], wholeNumber))
    .addOption(listOption('--hidden <numbers>', 'width of the hidden layer', [32, 256], wholeNumber))
    .addOption(dtypeOption())
    .option('--threads <n>', 'threads of engine onnx; by default as many as pay', threadCount)
    .option('--turns <n>', 'turns at least', wholeNumber, 30)
    .option('--json', 'print JSON lines, one object for each network')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  odegrad crossover\n' +
        '  odegrad crossover --engines wasm,tfjs:wasm --rows 256 --inputs 2,16 --hidden 64 --json',
    )
    .action(async (options: Options, command: Command) => {
      const [one, other, ...more] = options.engines;
      if (one === undefined || other === undefined || more.length > 0)
        command.error('error: `--engines` compares two; give two, as in --engines wasm,onnx');
      await time(options, [one, other], streams);
    });
}

async function time(
  { rows, inputs, hidden, dtype, threads, turns, json }: Options,
  engines: readonly [string, string],
  { out }: Streams,
): Promise<void> {
  for (const name of engines) checkPrecision(name, dtype);
  const registry = benchRegistry(threads === undefined ? {} : { threads });
  const sizes = rows.flatMap((r) =>
    inputs.flatMap((i) => hidden.map((h) => ({ rows: r, inputs: i, hidden: h }))),
  );
  const found: Crossover[] = [];
  for (const size of sizes) {
    const row = await timeCrossover(size, engines, dtype, turns, registry);
    found.push(row);
    if (json) jsonLine(out, row);
  }
  if (json) return;
  found.sort((a, b) => a.mflop - b.mflop);
  line(out, textTable(found, columnsOf(engines), 0));
}

const columnsOf = (engines: readonly [string, string]): readonly Column<Crossover>[] => [
  ['rows', ({ rows }) => rows],
  ['inputs', ({ inputs }) => inputs],
  ['hidden', ({ hidden }) => hidden],
  ['Mflop', ({ mflop }) => mflop.toPrecision(2)],
  ...engines.flatMap((name, i): Column<Crossover>[] => [
    [name, (row) => `${row.engines[i]!.us.toFixed(1)} µs`],
    [`first, ${name}`, (row) => `${row.engines[i]!.firstMs.toFixed(0)} ms`],
  ]),
  [`${engines[1]} / ${engines[0]}`, ({ ratio }) => ratio.toFixed(2)],
  ['module', (row) => `${(row.engines[0].moduleBytes / 1024).toFixed(1)} KiB`],
];
