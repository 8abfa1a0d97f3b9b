import { resolve } from 'node:path';
import { Command } from 'commander';
import { openEngine } from '../engines.ts';
import { comparisonTable } from '../gradients/table.ts';
import { engineName } from '../names.ts';
import { seedNumber } from '../parse.ts';
import { lynxHare } from '../problems/lynx-hare.ts';
import { registry } from '../registry.ts';
import { reportPage } from '../report/report.ts';
import { line, type Streams } from '../streams.ts';
import { compareTrained } from '../train/compare-trained.ts';
import { summary } from '../train/records.ts';
import { stageByStage } from '../train/stage-by-stage.ts';
import { trainWithProgress } from '../train/session.ts';
import { tradeOff } from '../train/trade-off.ts';
import { wholeFile } from '../whole-file.ts';
import { DEFAULT_ENGINE, EXACT, STRATEGIES } from './defaults.ts';

interface Options {
  readonly engine: string;
  readonly seed: number;
  readonly report: string;
}

/** `odegrad demo`: what `npm start` shows. */
export function demoCommand(streams: Streams): Command {
  return new Command('demo')
    .summary('train on real data, compare the gradients, write a report')
    .description(
      'Trains a neural ODE on the lynx and hare of Hudson Bay with dopri5 and the symplectic adjoint method, ' +
        'compares all gradient strategies on what came of it, and writes one HTML page about both.',
    )
    .option(
      '--engine <name>',
      'engine, with a backend where it has several: tfjs:cpu, onnx',
      engineName,
      DEFAULT_ENGINE,
    )
    .option('--seed <n>', 'seed of the weights', seedNumber, 1)
    .option('--report <file>', 'where the report goes', 'odegrad-report.html')
    .addHelpText('after', '\nExamples:\n  odegrad demo\n  odegrad demo --seed 7 --report seed-7.html')
    .action(async (options: Options) => {
      await run(options, streams);
    });
}

async function run({ engine, seed, report }: Options, streams: Streams): Promise<void> {
  const { out } = streams;
  const file = await wholeFile(report);
  const choice = await openEngine(engine, registry, streams.err);
  line(out, `Training on ${lynxHare.title} …`);
  const trained = await trainWithProgress(
    lynxHare,
    { ...lynxHare.defaults, solver: 'dopri5', gradient: 'symplectic', rtol: 1e-3, atol: 1e-3, seed },
    choice,
    streams,
  );
  try {
    line(out, summary(trained));
    const staged = await stageByStage(choice);
    const rows = compareTrained(
      trained,
      staged,
      registry,
      STRATEGIES.map((name) => registry.get('gradient', name)),
    );
    line(out, `\nOne gradient of the trained problem, ${rows[0]!.steps} steps of dopri5, by each strategy:`);
    line(out, comparisonTable(rows));
    if (staged !== choice.engine) {
      line(
        out,
        'Here each stage is evaluated by itself (`onnx({ fuse: false })`), so that it shows what each method holds. A training takes\n' +
          'whole steps in one call, where f is as small as here: then checkpoint, stages and symplectic are one.',
      );
    }
    await file.write(await reportPage(trained, rows, tradeOff(trained, staged, registry, EXACT)));
    line(out, `\nReport: ${resolve(report)}`);
  } finally {
    trained.model.dispose();
  }
}
