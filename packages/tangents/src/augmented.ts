import type { OdeOptions, Structure } from '@odegrad/engine-tfjs';

type Stepping = Pick<OdeOptions, 'numSteps' | 'stepSize' | 'rtol' | 'atol' | 'norm'>;

/**
 * The options that choose steps, for a state with its direction behind it: the steps are those of the state alone, as its direction has no
 * part in the norm of errors.
 */
export function stateAlone(
  { numSteps, stepSize, rtol, atol = 1e-6, norm }: Stepping,
  structure: Pick<Structure<unknown>, 'flatten' | 'names'>,
): Stepping {
  // Constant steps have no tolerances; where there are some, the solve says so.
  if (numSteps !== undefined || stepSize !== undefined) return {};
  const count = structure.names('').length;
  const byPart = (value: NonNullable<OdeOptions['rtol']>, name: string): number[] =>
    typeof value === 'number'
      ? Array<number>(count).fill(value)
      : structure.flatten(value, name, (part) => part as number, 'numbers');
  return {
    ...(rtol !== undefined &&
      typeof rtol !== 'number' && { rtol: [...byPart(rtol, 'rtol'), ...byPart(rtol, 'rtol')] }),
    atol: [...byPart(atol, 'atol'), ...Array<number>(count).fill(Infinity)],
    ...(typeof norm === 'function' && { norm: (parts: readonly number[]) => norm(parts.slice(0, count)) }),
  };
}
