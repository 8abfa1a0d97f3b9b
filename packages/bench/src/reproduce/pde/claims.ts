import { bytes } from '../../gradients/table.ts';
import { PAPER_NAMES, type Claim } from '../experiment.ts';
import type { Cost } from '../cost.ts';
import type { Equation } from './equation.ts';
import type { Learned } from './learn.ts';
import type { Prediction } from './predict.ts';

/** Mean of the last tenth of the losses: batches differ. Infinite where the training ended early. */
export function lastLoss({ losses, failure }: Learned): number {
  if (failure !== undefined) return Infinity;
  const tail = losses.slice(-Math.max(1, Math.round(losses.length / 10)));
  return tail.reduce((sum, loss) => sum + loss, 0) / tail.length;
}

/** The claims about a training by several strategies, symplectic and adjoint among them, and what a gradient takes by each. */
export function trainingClaims(learned: readonly Learned[], taken: readonly Cost[]): Claim[] {
  const names = learned.map(({ strategy }) => strategy);
  const lossBy = (name: string): number => lastLoss(learned[names.indexOf(name)]!);
  const costBy = (name: string): Cost => taken[names.indexOf(name)]!;
  const [ours, theirs] = [lossBy('symplectic'), lossBy('adjoint')];
  const [own, adjoint] = [costBy('symplectic'), costBy('adjoint')];
  const exact = names.filter((name) => name !== 'symplectic' && name !== 'adjoint');
  return [
    {
      claim: 'The adjoint method needs a high cost to suppress numerical errors (abstract)',
      verdict: theirs > 2 * ours ? 'shown' : 'not shown',
      evidence: `at the same tolerance the loss ends at ${lossText(ours)} by symplectic and ${lossText(theirs)} by adjoint; shown from twice on`,
    },
    {
      claim: 'The symplectic adjoint method is faster than the adjoint method (abstract)',
      verdict: own.ms < adjoint.ms ? 'shown' : 'not shown',
      evidence: `by turns a gradient takes ${own.ms.toFixed(1)} ms by symplectic, ${adjoint.ms.toFixed(1)} ms by adjoint; evaluations ${own.evaluations} and ${adjoint.evaluations}`,
    },
    {
      claim: `It takes less memory than ${exact.map((name) => PAPER_NAMES[name]!).join(' and ')} (abstract)`,
      verdict: exact.every((name) => own.bytesPeak < costBy(name).bytesPeak)
        ? 'shown in the ledger only'
        : 'not shown',
      evidence: ['symplectic', ...exact].map((name) => `${name} ${bytes(costBy(name).bytesPeak)}`).join(', '),
    },
  ];
}

/** What the structure of the model promises of its own energy and of the mass. */
export function structureClaims({ name }: Equation, prediction: Prediction | undefined): Claim[] {
  if (!prediction)
    return [
      {
        claim: 'The learned model can be followed over the whole time',
        verdict: 'not shown',
        evidence: 'its solve could not go on',
      },
    ];
  const { energy, mass } = prediction;
  const spread = Math.max(...energy) - Math.min(...energy);
  const size = Math.max(...energy.map(Math.abs));
  const rise = energy.reduce((most, e, i) => Math.max(most, i > 0 ? e - energy[i - 1]! : 0), 0);
  const lost = Math.max(...mass.map((m) => Math.abs(m - mass[0]!)));
  const kept = name === 'kdv';
  return [
    {
      claim: kept
        ? 'An energy-based model of this structure keeps its energy (NeurIPS 2020)'
        : 'An energy-based model of this structure never gains energy (NeurIPS 2020)',
      verdict: (kept ? spread : rise) <= 1e-4 * size ? 'shown' : 'not shown',
      evidence: kept
        ? `the learned energy changes by ${(spread / size).toExponential(1)} of itself along the prediction`
        : `from time to time the learned energy rises by ${(rise / size).toExponential(1)} of itself at most; it falls from ${energy[0]!.toPrecision(4)} to ${energy.at(-1)!.toPrecision(4)}`,
    },
    {
      claim: 'And keeps its mass',
      verdict: lost < 1e-9 ? 'shown' : 'not shown',
      evidence: `the mass changes by ${lost.toExponential(1)}`,
    },
  ];
}

export function lossText(loss: number): string {
  return Number.isFinite(loss) ? loss.toPrecision(3) : 'no number';
}
