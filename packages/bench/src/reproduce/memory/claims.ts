import { PAPER_NAMES, type Claim } from '../experiment.ts';
import { AXES, power, type Axis, type Counted } from './ledger-sweep.ts';
import { followsLedger, type Resident } from './process-sweep.ts';

/** The powers of N, s, L and M that the paper's table of methods gives. */
interface Law {
  readonly kept: readonly [number, number, number, number] | undefined;
  readonly activations: readonly [number, number, number, number];
  /** Evaluations and pullbacks over N s M; for the adjoint it depends on its own steps. */
  readonly passes: number;
}

/** The table in the README of the paper's code. */
export const LAWS: Readonly<Record<string, Law>> = {
  backprop: { kept: undefined, activations: [1, 1, 1, 1], passes: 2 },
  recompute: { kept: [0, 0, 0, 1], activations: [1, 1, 1, 0], passes: 3 },
  checkpoint: { kept: [1, 0, 0, 1], activations: [0, 1, 1, 0], passes: 3 },
  symplectic: { kept: [1, 0, 0, 1], activations: [0, 0, 1, 0], passes: 4 },
  adjoint: { kept: [0, 0, 0, 1], activations: [0, 0, 1, 0], passes: 3 },
};

/** `O(N s L M)` of powers. */
export function orderText(powers: readonly number[]): string {
  const factors = AXES.filter((_, i) => powers[i] === 1);
  return `O(${factors.join(' ') || '1'})`;
}

/** Constant terms bend a power a little. */
const NEAR = 0.1;

/** The claims of the table, and what was found of each. */
export function memoryClaims(counted: readonly Counted[], resident: readonly Resident[]): Claim[] {
  const laws = Object.entries(LAWS).flatMap(([strategy, law]) => {
    const claims: Claim[] = [];
    const name = `${PAPER_NAMES[strategy]!} (${strategy})`;
    if (law.kept)
      claims.push(
        growth(
          `${name}: checkpoints ${orderText(law.kept)}`,
          strategy,
          law.kept,
          counted,
          resident,
          (row) => row.keptStates,
        ),
      );
    claims.push(
      growth(
        `${name}: memory for backpropagation ${orderText(law.activations)}`,
        strategy,
        law.activations,
        counted,
        resident,
        (row) => row.activationStates,
      ),
    );
    return claims;
  });
  return [
    ...laws,
    ...costs(counted),
    lessThan(['backprop', 'recompute'], resident),
    lessThan(['checkpoint'], resident),
  ];
}

function growth(
  claim: string,
  strategy: string,
  wanted: readonly number[],
  counted: readonly Counted[],
  resident: readonly Resident[],
  quantity: (row: Counted) => number,
): Claim {
  const powers = AXES.map((axis) => power(counted, strategy, axis, quantity));
  const holds = powers.every((p, i) => Math.abs(p - wanted[i]!) < NEAR);
  const followed = AXES.map((axis) => followsLedger(resident, strategy, axis));
  const all = followed.every((follows) => follows === true);
  const said = (axes: readonly Axis[], text: string): string =>
    axes.length > 0 ? `; ${text} ${axes.join(', ')}` : '';
  const by = (value: boolean | undefined): Axis[] => AXES.filter((_, i) => followed[i] === value);
  return {
    claim,
    verdict: !holds ? 'not shown' : all ? 'shown' : 'shown in the ledger only',
    evidence:
      `powers found of ${AXES.join(', ')}: ${powers.map((p) => Math.abs(Number(p.toFixed(2)))).join(', ')}` +
      `${said(by(true), 'processes follow the ledger along')}${said(by(false), 'processes differ along')}${said(by(undefined), 'no processes along')}`,
  };
}

function costs(counted: readonly Counted[]): Claim[] {
  return Object.entries(LAWS)
    .filter(([strategy]) => strategy !== 'adjoint')
    .map(([strategy, { passes }]) => {
      const rows = counted.filter((row) => row.strategy === strategy);
      const found = rows.map(
        (row) => (row.evaluations + row.pullbacks) / (row.steps * row.stages * row.components),
      );
      const [low, high] = [Math.min(...found), Math.max(...found)];
      // The last stage of a step is not evaluated twice, and methods whose last stage is the next step's first save it.
      return {
        claim: `${PAPER_NAMES[strategy]!} (${strategy}): cost O(${passes} N s L M)`,
        verdict: low > passes - 0.5 && high <= passes + 1e-9 ? 'shown' : 'not shown',
        evidence: `evaluations and pullbacks over N s M: ${low.toFixed(2)}${high > low ? ` to ${high.toFixed(2)}` : ''}`,
      } as const;
    });
}

/** That the proposed method takes much less than others do: half at most, wherever it was tried. */
function lessThan(others: readonly string[], resident: readonly Resident[]): Claim {
  const places = [...new Set(resident.map(({ axis }) => axis))];
  const ratios = (count: (row: Resident) => number): number[] =>
    places.flatMap((axis) => {
      const at = (strategy: string): number =>
        count(resident.find((row) => row.axis === axis && row.strategy === strategy)!);
      return others.map((strategy) => at(strategy) / at('symplectic'));
    });
  const [counted, grown] = [ratios((row) => row.ledgerBytes), ratios((row) => Math.max(1, row.grownBytes))];
  const much = (found: readonly number[]): boolean => Math.min(...found) >= 2;
  const text = (found: readonly number[]): string =>
    `${Math.min(...found).toFixed(1)} to ${Math.max(...found).toFixed(1)}`;
  return {
    claim: `The symplectic adjoint method takes much less memory than ${others.map((name) => PAPER_NAMES[name]!).join(' and ')} (abstract)`,
    verdict: !much(counted) ? 'not shown' : much(grown) ? 'shown' : 'shown in the ledger only',
    evidence: `of its memory they take ${text(counted)} times in the ledger, ${text(grown)} times in processes; much means twice at least, at every point`,
  };
}
