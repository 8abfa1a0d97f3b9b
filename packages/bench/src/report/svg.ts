import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { chartConfig } from './theme.ts';

/** Draws a chart. The SVG is meant to stand inside an HTML page, whose style gives it its colours. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile({ config: chartConfig, ...spec }).spec), { renderer: 'none' });
  try {
    const svg = await view.toSVG();
    // Inside HTML an SVG needs no namespace, and the page is to name no address.
    return svg.replace(/ xmlns(:xlink)?="[^"]*"/g, '').replace('<svg ', '<svg role="img" ');
  } finally {
    view.finalize();
  }
}
