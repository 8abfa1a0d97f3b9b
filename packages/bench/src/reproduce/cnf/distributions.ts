import type { Random } from '../../random.ts';

/** A distribution that can be drawn from. */
export interface Distribution {
  readonly name: string;
  readonly dimension: number;
  /** One point. */
  draw(random: Random): number[];
  /** log p in nats, where it is known exactly. */
  logDensity?(x: readonly number[]): number;
}

/** Box and Muller's. */
function normal(random: Random): number {
  const u = 0.5 - random.symmetric(0.5);
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(Math.PI * random.symmetric(1));
}

/** Gaussians of one width, each as likely, about `centers`. */
function mixture(name: string, centers: readonly (readonly number[])[], width: number): Distribution {
  const dimension = centers[0]!.length;
  const constant = -Math.log(centers.length) - dimension * Math.log(width * Math.sqrt(2 * Math.PI));
  return {
    name,
    dimension,
    draw(random) {
      const center = centers[random.below(centers.length)]!;
      return center.map((c) => c + width * normal(random));
    },
    logDensity(x) {
      const exponents = centers.map(
        (center) => -center.reduce((sum, c, i) => sum + (x[i]! - c) ** 2, 0) / (2 * width ** 2),
      );
      const most = Math.max(...exponents);
      return constant + most + Math.log(exponents.reduce((sum, e) => sum + Math.exp(e - most), 0));
    },
  };
}

/** Eight Gaussians on a circle of radius 2. */
export const eightGaussians: Distribution = mixture(
  '8 gaussians',
  Array.from({ length: 8 }, (_, i) => [2 * Math.cos((i * Math.PI) / 4), 2 * Math.sin((i * Math.PI) / 4)]),
  0.3,
);

/** Two half circles that reach into one another. */
export const moons: Distribution = {
  name: 'moons',
  dimension: 2,
  draw(random) {
    const angle = (Math.PI * (1 + random.symmetric(1))) / 2;
    const [x, y] =
      random.below(2) === 0
        ? [Math.cos(angle) - 0.5, Math.sin(angle) - 0.25]
        : [0.5 - Math.cos(angle), 0.25 - Math.sin(angle)];
    return [1.6 * x + 0.12 * normal(random), 1.6 * y + 0.12 * normal(random)];
  },
};

/** Eight squares of a board of four by four, from −2 to 2. */
export const checkerboard: Distribution = {
  name: 'checkerboard',
  dimension: 2,
  draw(random) {
    const [column, pair] = [random.below(4), random.below(2)];
    const row = 2 * pair + (column % 2);
    return [column, row].map((v) => v - 2 + (1 + random.symmetric(1)) / 2);
  },
  logDensity: () => -Math.log(8),
};

/** Gaussians about corners of a cube of so many dimensions, as many as tables in the literature have columns. */
export function cornerMixture(dimension: number, random: Random): Distribution {
  const centers = Array.from({ length: 5 }, () =>
    Array.from({ length: dimension }, () => (random.below(2) === 0 ? -1 : 1)),
  );
  return mixture(`mixture in ${dimension} dimensions`, centers, 0.5);
}
