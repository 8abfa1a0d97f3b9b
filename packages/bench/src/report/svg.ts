import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { escapeHtml } from './html.ts';
import { chartConfig } from './theme.ts';

/** A chart with the words that stand for it where it cannot be seen. */
export type Chart = TopLevelSpec & { readonly description: string };

/** Draws a chart. The SVG is meant to stand inside an HTML page, whose style gives it its colours. */
export async function renderSvg(spec: Chart): Promise<string> {
  const view = new View(parse(compile({ config: chartConfig, ...spec }).spec), { renderer: 'none' });
  try {
    const svg = await view.toSVG();
    // Inside HTML an SVG needs no namespace, and the page is to name no address.
    return svg
      .replace(/ xmlns(:xlink)?="[^"]*"/g, '')
      .replace('<svg ', `<svg role="img" aria-label="${escapeHtml(spec.description)}" `);
  } finally {
    view.finalize();
  }
}
