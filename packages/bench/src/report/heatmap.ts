import { escapeHtml } from './html.ts';

/** A picture of numbers on a grid. */
export interface Heatmap {
  /** What stands for it where it cannot be seen. */
  readonly description: string;
  /** `values[row][column]`; the first row is drawn at the bottom. NaN is left out. */
  readonly values: readonly (readonly number[])[];
  /** The numbers of the darkest and the lightest colour. */
  readonly range: readonly [number, number];
  readonly x: string;
  readonly y: string;
  /** As high as wide, without room for names of axes. */
  readonly square?: boolean;
}

const LEVELS = 24;
const WIDE = { width: 360, height: 240, left: 22, bottom: 24, right: 2 };
const SQUARE = { width: 300, height: 300, left: 0, bottom: 0, right: 0 };

/** Dark blue over teal to yellow: of even steps in lightness, and so readable without colours. */
const STOPS: readonly (readonly [number, number, number])[] = [
  [38, 20, 72],
  [52, 70, 135],
  [35, 125, 140],
  [75, 175, 110],
  [190, 210, 60],
  [252, 236, 120],
];

/** Draws a heatmap as SVG: one path for each of a few colours, in runs of columns. */
export function heatmap({ description, values, range: [low, high], x, y, square = false }: Heatmap): string {
  const size = square ? SQUARE : WIDE;
  const [rows, columns] = [values.length, values[0]?.length ?? 0];
  const [cell, line] = [size.width / columns, size.height / rows];
  const level = (value: number): number =>
    Math.max(0, Math.min(LEVELS - 1, Math.floor((LEVELS * (value - low)) / (high - low))));
  const runs = values.flatMap((row, i) => runsOf(row.map(level), (rows - 1 - i) * line));
  // A little larger than they are, so that no background shows between them.
  const box = ({ from, to, top }: Run): string => {
    const width = ((to - from) * cell + 0.3).toFixed(1);
    return `M${(size.left + from * cell).toFixed(1)} ${top.toFixed(1)}h${width}v${(line + 0.3).toFixed(1)}h-${width}z`;
  };
  const paths = Array.from({ length: LEVELS }, (_, own) =>
    runs
      .filter((run) => run.level === own)
      .map(box)
      .join(''),
  );
  const drawn = paths.map((d, i) =>
    d === '' ? '' : `<path shape-rendering="crispEdges" fill="${colorOf((i + 0.5) / LEVELS)}" d="${d}"/>`,
  );
  const [width, height] = [size.left + size.width + size.right, size.height + size.bottom];
  const text = `font-family="system-ui, sans-serif" font-size="12" fill="var(--muted)" text-anchor="middle"`;
  const names = square
    ? ''
    : `<text ${text} x="${size.left + size.width / 2}" y="${height - 6}">${escapeHtml(x)}</text>` +
      `<text ${text} transform="translate(13 ${size.height / 2}) rotate(-90)">${escapeHtml(y)}</text>`;
  return `<svg role="img" aria-label="${escapeHtml(description)}" viewBox="0 0 ${width} ${height}">${drawn.join('')}${names}</svg>`;
}

/** Neighbours of one colour in a row. */
interface Run {
  readonly level: number;
  readonly from: number;
  readonly to: number;
  readonly top: number;
}

function runsOf(levels: readonly number[], top: number): Run[] {
  const starts = levels.flatMap((level, i) => (i === 0 || level !== levels[i - 1] ? [i] : []));
  return starts
    .map((from, k) => ({ level: levels[from]!, from, to: starts[k + 1] ?? levels.length, top }))
    .filter(({ level }) => !Number.isNaN(level));
}

/** The colour of a number between 0 and 1. */
function colorOf(at: number): string {
  const place = at * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(place));
  const mixed = STOPS[i]!.map((from, k) => Math.round(from + (place - i) * (STOPS[i + 1]![k]! - from)));
  return `rgb(${mixed.join(' ')})`;
}
