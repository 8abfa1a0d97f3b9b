import { escapeHtml } from './html.ts';

/** Points of a plane. */
export interface Scatter {
  readonly description: string;
  readonly points: readonly (readonly [number, number])[];
  /** The square that is shown: −reach to reach. */
  readonly reach: number;
}

const SIZE = 300;

/** Draws points as SVG, in one path. */
export function scatter({ description, points, reach }: Scatter): string {
  const place = (v: number): string => ((SIZE * (v + reach)) / (2 * reach)).toFixed(1);
  const d = points
    .filter((point) => point.every((v) => Math.abs(v) < reach))
    .map(([x, y]) => `M${place(x)} ${place(-y)}h0`)
    .join('');
  return `<svg role="img" aria-label="${escapeHtml(description)}" viewBox="0 0 ${SIZE} ${SIZE}"><rect width="${SIZE}" height="${SIZE}" fill="none" stroke="var(--grid)"/><path d="${d}" stroke="var(--accent)" stroke-width="2.6" stroke-linecap="round" stroke-opacity="0.6" fill="none"/></svg>`;
}
