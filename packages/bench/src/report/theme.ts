import type { Config } from 'vega-lite';

/** Colours by their role. The page defines each for light and for dark surroundings. */
export const colors = {
  ink: 'var(--ink)',
  muted: 'var(--muted)',
  grid: 'var(--grid)',
  first: 'var(--first)',
  second: 'var(--second)',
  accent: 'var(--accent)',
  surface: 'var(--surface)',
} as const;

/** Colours of lines that are told apart by nothing else; in the middle of the scale, for light and dark. */
export const seriesColors: readonly string[] = [
  colors.accent,
  colors.first,
  colors.second,
  '#2f9a68',
  '#b5519c',
  colors.muted,
];

const FONT = 'system-ui, sans-serif';

/** What all charts have in common: few lines, quiet axes, the page's own font. */
export const chartConfig: Config = {
  background: 'transparent',
  font: FONT,
  padding: 4,
  view: { stroke: null },
  axis: {
    domain: false,
    ticks: false,
    grid: true,
    gridColor: colors.grid,
    gridWidth: 1,
    labelColor: colors.muted,
    labelFontSize: 12,
    labelPadding: 8,
    titleColor: colors.muted,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 10,
  },
  header: { labelColor: colors.muted, labelFontSize: 12, title: null },
  text: { fontSize: 12, color: colors.ink },
  title: { color: colors.ink, fontSize: 13, fontWeight: 'normal', anchor: 'start' },
};

/** The page's style: light by itself, dark where the reader's system is. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --ink: #1d2433; --muted: #5a6375; --grid: #e6e9ef; --surface: #ffffff; --page: #f6f7f9;
  --first: #b4540a; --second: #1f6f9f; --accent: #4b5fc4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8ebf2; --muted: #a0a9bb; --grid: #2b3240; --surface: #171b24; --page: #10131a;
    --first: #f0a05a; --second: #6db9e2; --accent: #98a6f5;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 0 0 0.25rem; font-size: 1.05rem; }
p { margin: 0.5rem 0; max-width: 44rem; }
.lead, figcaption, .note { color: var(--muted); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin: 2rem 0; padding: 0; list-style: none; }
.figures b { display: block; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.figures span { color: var(--muted); font-size: 0.875rem; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem; }
figure, .card { margin: 0; padding: 1.25rem; background: var(--surface); border: 1px solid var(--grid); border-radius: 0.75rem; min-width: 0; }
.wide { grid-column: 1 / -1; }
figcaption { margin-bottom: 0.75rem; font-size: 0.875rem; }
figcaption h2 { color: var(--ink); }
svg { display: block; width: 100%; height: auto; }
.wide svg { min-width: 40rem; }
main > .foot { margin-top: 1.5rem; }
.note { font-size: 0.875rem; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.5rem 0.75rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--grid); }
thead th { color: var(--muted); font-weight: 500; }
th:first-child { text-align: left; padding-left: 0; }
tbody th { font-weight: 500; }
tbody tr:last-child > * { border-bottom: 0; }
@media (max-width: 44rem) { .charts { grid-template-columns: minmax(0, 1fr); } }
`;
