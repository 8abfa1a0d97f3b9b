import { bytes } from '../../gradients/table.ts';
import type { Cost } from '../cost.ts';
import { PAPER_NAMES, type Claim } from '../experiment.ts';
import type { FittedFlow } from './fit.ts';

/** What a gradient of a flow takes by a strategy. */
export interface FlowCost extends Cost {
  readonly strategy: string;
  /** In processes, beyond one that only solves forward. */
  readonly grownBytes?: number;
}

/** The claims, and what was found of each. */
export function flowClaims(fitted: readonly FittedFlow[], rows: readonly FlowCost[]): Claim[] {
  const of = (name: string): FlowCost => rows.find(({ strategy }) => strategy === name)!;
  const [own, adjoint] = [of('symplectic'), of('adjoint')];
  const exact = ['backprop', 'recompute', 'checkpoint'].map(of);
  const least = (count: (row: FlowCost) => number): boolean => exact.every((row) => count(own) < count(row));
  const measured = rows.every(({ grownBytes }) => grownBytes !== undefined);
  return [
    learns(fitted),
    {
      claim: 'The symplectic adjoint method is faster than the adjoint method (abstract)',
      verdict: own.ms < adjoint.ms ? 'shown' : 'not shown',
      evidence: `by turns a gradient takes ${own.ms.toFixed(1)} ms by symplectic, ${adjoint.ms.toFixed(1)} ms by adjoint; evaluations ${own.evaluations} and ${adjoint.evaluations}`,
    },
    {
      claim: `It takes less memory than ${exact.map(({ strategy }) => PAPER_NAMES[strategy]!).join(' and ')} (abstract)`,
      verdict: !least((row) => row.bytesPeak)
        ? 'not shown'
        : measured && least((row) => row.grownBytes!)
          ? 'shown'
          : 'shown in the ledger only',
      evidence: [own, ...exact]
        .map(
          ({ strategy, bytesPeak, grownBytes }) =>
            `${strategy} ${bytes(bytesPeak)}${grownBytes === undefined ? '' : `, process ${bytes(Math.max(0, grownBytes))}`}`,
        )
        .join('; '),
    },
  ];
}

/** Of the way from one Gaussian to the entropy, or below the Gaussian where that is not known. */
function learns(fitted: readonly FittedFlow[]): Claim {
  const parts = fitted.map(({ sampled, held, gaussian }) => {
    if (sampled.entropy === undefined)
      return {
        good: held < gaussian,
        text: `${sampled.name}: ${(gaussian - held).toFixed(3)} nats below one Gaussian`,
      };
    const part = (gaussian - held) / (gaussian - sampled.entropy);
    return { good: part > 0.5, text: `${sampled.name}: ${(100 * part).toFixed(0)} %` };
  });
  return {
    claim: 'Neural ODEs learn probability distributions with it (abstract)',
    verdict: parts.every(({ good }) => good) ? 'shown' : 'not shown',
    evidence: `of the way in −log p from one Gaussian to the entropy, on points held back: ${parts.map(({ text }) => text).join(', ')}; shown from half on`,
  };
}
