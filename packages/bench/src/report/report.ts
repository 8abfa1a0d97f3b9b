import type { Comparison } from '../gradients/compare.ts';
import { bytes, errorText } from '../gradients/table.ts';
import { thinned } from '../problems/series.ts';
import { quality, trajectory } from '../train/fit.ts';
import type { TradeOff } from '../train/trade-off.ts';
import type { Trained } from '../train/session.ts';
import { fitChart } from './fit-chart.ts';
import type { Fit } from './fit.ts';
import { escapeHtml, figure, keyFigures, table } from './html.ts';
import { lossChart } from './loss-chart.ts';
import { memoryChart } from './memory-chart.ts';
import { phaseChart } from './phase-chart.ts';
import { renderSvg } from './svg.ts';
import { tradeOffChart } from './trade-off-chart.ts';
import { pageStyle } from './theme.ts';

const CURVE_POINTS = 800;
const MAX_CIRCLES = 125;

/** One HTML page about a training and the comparison on what it gave; it needs nothing from anywhere else. */
export async function reportPage(
  trained: Trained,
  rows: readonly Comparison[],
  tradeOff: TradeOff,
): Promise<string> {
  const { problem, model, settings, steps, explained, seconds, engine } = trained;
  const { observed, presentation } = model;
  const [first, last] = [observed.times[0]!, observed.times.at(-1)!];
  const dense = Array.from(
    { length: CURVE_POINTS + 1 },
    (_, i) => first + (i * (last - first)) / CURVE_POINTS,
  );
  const fit: Fit = {
    presentation,
    observed: thinned(observed, MAX_CIRCLES),
    curve: trajectory(model, dense, trained.ode),
  };
  const [fitSvg, phaseSvg, lossSvg, memorySvg, tradeOffSvg] = await Promise.all([
    renderSvg(fitChart(fit)),
    renderSvg(phaseChart(fit)),
    renderSvg(lossChart(steps.map(({ loss }) => loss))),
    renderSvg(memoryChart(rows)),
    renderSvg(tradeOffChart(tradeOff)),
  ]);
  const evaluations = steps.reduce(
    (sum, { stats }) => sum + stats.evaluationsForward + stats.evaluationsBackward,
    0,
  );
  const numbers = model.variables.reduce((sum, variable) => sum + variable.size, 0);
  const data = observed.values.reduce((sum, series) => sum + series.length, 0);

  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(problem.title)} – odegrad</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(problem.title)}</h1>
<p class="lead">${escapeHtml(problem.description)}</p>
</header>
${keyFigures([
  fitFigure(explained, presentation.scale === 'log' ? ' of the logarithms' : ''),
  [steps.at(-1)!.loss.toPrecision(3), 'loss at the end'],
  [steps.length.toLocaleString('en'), 'iterations'],
  [evaluations.toLocaleString('en'), 'evaluations of the field'],
  [`${seconds.toFixed(1)} s`, 'of training'],
])}
<div class="charts">
${figure('Data and fit', 'Circles: observations. Curves: the trained model.', fitSvg, true)}
${figure('Phase plane', 'The same, one quantity against the other.', phaseSvg)}
${figure('Loss', 'At each iteration, before its step; logarithmic.', lossSvg)}
${figure('Memory by strategy', 'Bytes held for one gradient along the whole trajectory, as the ledger counts them, every stage evaluated by itself.', memorySvg, true)}
${figure('Time against memory', 'Points: the exact strategies. Line: auto, on budgets from the least that does to what keeping everything takes.', tradeOffSvg, true)}
<section class="card wide">
<h2>The gradient strategies on the trained problem</h2>
<p class="note">One gradient of the squared error, ${escapeHtml(settings.solver)}, ${rows[0]!.steps} steps, every stage evaluated by itself: engine onnx takes whole steps of so small a field in one call while it trains, and checkpoint, stages and symplectic are one there. Evaluations: forward + backward. Error: largest difference from backprop, relative to its largest entry.</p>
${strategyTable(rows)}
</section>
</div>
<p class="note foot">Solver ${escapeHtml(settings.solver)} (rtol ${settings.rtol}, atol ${settings.atol}), gradient ${escapeHtml(settings.gradient)}, engine ${escapeHtml(engine)}, Adam from rate ${settings.learningRate}, seed ${settings.seed}. ${numbers} learned numbers against ${data} observed ones: this shows a fit, not a forecast.</p>
</main>
</body>
</html>
`;
}

/** `what` says of what the variance is, where not of the data themselves. */
function fitFigure(explained: number, what: string): readonly [value: string, name: string] {
  const { figure, worse } = quality(explained);
  return [
    figure,
    worse ? `the squared error of predicting the mean${what}` : `of the variance${what} explained`,
  ];
}

function strategyTable(rows: readonly Comparison[]): string {
  return table(
    ['strategy', 'kept states', 'activations', 'evaluations', 'pullbacks', 'error', 'forward', 'backward'],
    rows.map((row) => [
      row.exact ? row.strategy : `${row.strategy} (not exact)`,
      bytes(row.keptStateBytes),
      bytes(row.activationBytesPeak),
      `${row.evaluationsForward} + ${row.evaluationsBackward}`,
      String(row.pullbacks),
      errorText(row.gradientError),
      `${row.forwardMs.toFixed(1)} ms`,
      `${row.backwardMs.toFixed(1)} ms`,
    ]),
  );
}
