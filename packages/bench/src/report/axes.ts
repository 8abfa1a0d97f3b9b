import type { Presentation } from '../problems/problem.ts';

const MARGIN = 0.06;

/** Axis and scale of a quantity, with the data filling the plot but for a margin. */
export function valueAxis(
  type: Presentation['scale'],
  title: string,
  values: readonly number[],
): {
  readonly axis: {
    title: string;
    tickCount?: number;
    values?: number[];
    format?: string;
    labelOverlap: false;
  };
  readonly scale: { type: Presentation['scale']; domain: [number, number]; nice: false; zero?: false };
} {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (type === 'linear') {
    const margin = MARGIN * (high - low);
    return {
      axis: { title, tickCount: 5, labelOverlap: false },
      scale: { type, domain: [low - margin, high + margin], nice: false, zero: false },
    };
  }
  const margin = (high / low) ** MARGIN;
  const domain: [number, number] = [low / margin, high * margin];
  return {
    axis: { title, values: logTicks(domain), labelOverlap: false },
    scale: { type, domain, nice: false },
  };
}

/** 1, 2, 5, 10, … within a domain; powers of ten alone where there would be many. */
export function logTicks([low, high]: readonly [number, number]): number[] {
  const first = Math.floor(Math.log10(low));
  const decades = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => first + i);
  const steps = high / low > 1000 ? [1] : [1, 2, 5];
  // Number() of a decimal string: 10 ** −2 times 5 is not 0.05.
  const ticks = decades.flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}
