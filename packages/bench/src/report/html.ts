const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand in HTML, in an attribute too. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character]!);
}

/** A figure: title and explanation above, the drawing below. */
export function figure(title: string, caption: string, svg: string, wide = false): string {
  return `<figure${wide ? ' class="wide"' : ''}>
<figcaption><h2>${escapeHtml(title)}</h2>${escapeHtml(caption)}</figcaption>
<div class="scroll">${svg}</div>
</figure>`;
}

/** A table whose first column names its rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const header = head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('');
  const body = rows.map(
    ([name, ...cells]) =>
      `<tr><th scope="row">${escapeHtml(name!)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr>${header}</tr></thead>\n<tbody>${body.join('\n')}</tbody></table></div>`;
}

/** Large numbers with a word below each. */
export function keyFigures(figures: readonly (readonly [value: string, name: string])[]): string {
  const items = figures.map(
    ([value, name]) => `<li><b>${escapeHtml(value)}</b><span>${escapeHtml(name)}</span></li>`,
  );
  return `<ul class="figures">${items.join('')}</ul>`;
}
