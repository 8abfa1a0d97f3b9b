import { escapeHtml, figure, keyFigures, table } from '../report/html.ts';
import { pageStyle } from '../report/theme.ts';
import type { Claim, Outcome, Verdict } from './experiment.ts';

const STYLE = `${pageStyle}
section.experiment { margin-top: 3rem; }
section.experiment > h2 { font-size: 1.35rem; }
.claims { list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: 0.75rem; }
.claims li { padding-left: 0.85rem; border-left: 3px solid var(--grid); }
.claims li.shown { border-color: var(--second); }
.claims li.partly { border-color: var(--accent); }
.claims li.missed { border-color: var(--first); }
.claims p { margin: 0.1rem 0; max-width: none; overflow-wrap: anywhere; }
.verdict { font-weight: 600; }
.card h3 { margin: 0 0 0.25rem; font-size: 1.05rem; }
.picture svg { max-width: 30rem; }
@media (max-width: 44rem) { main { padding: 2rem 0.9rem 3rem; } }
`;

const CLASSES: Readonly<Record<Verdict, string>> = {
  shown: 'shown',
  'shown in the ledger only': 'partly',
  'not shown': 'missed',
};

/** What was found, on one page that needs nothing from anywhere else. */
export async function reproductionPage(outcomes: readonly Outcome[], about: string): Promise<string> {
  const claims = outcomes.flatMap((outcome) => outcome.claims);
  const count = (verdict: Verdict): string =>
    String(claims.filter((claim) => claim.verdict === verdict).length);
  const sections = await Promise.all(outcomes.map(section));
  const title = 'The symplectic adjoint method, claim by claim';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} – odegrad</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="lead">Claims of T. Matsubara, Y. Miyatake, T. Yaguchi, Symplectic Adjoint Method for Exact Gradient of Neural ODE with Minimal Memory, NeurIPS 2021, each with what was found here. ${escapeHtml(about)}</p>
</header>
${keyFigures([
  [count('shown'), 'claims shown'],
  [count('shown in the ledger only'), 'shown in the ledger only'],
  [count('not shown'), 'not shown'],
])}
${sections.join('\n')}
</main>
</body>
</html>
`;
}

async function section({ title, description, claims, tables, figures }: Outcome): Promise<string> {
  const drawn = await figures();
  return `<section class="experiment">
<h2>${escapeHtml(title)}</h2>
<p class="lead">${escapeHtml(description)}</p>
<ul class="claims">${claims.map(item).join('\n')}</ul>
<div class="charts">
${drawn.map(({ title: name, caption, svg, wide }) => figure(name, caption, svg, wide)).join('\n')}
${tables
  .map(
    ({ title: name, note, head, rows }) =>
      `<section class="card wide"><h3>${escapeHtml(name)}</h3><p class="note">${escapeHtml(note)}</p>${table(head, rows)}</section>`,
  )
  .join('\n')}
</div>
</section>`;
}

function item({ claim, verdict, evidence }: Claim): string {
  return `<li class="${CLASSES[verdict]}"><p>${escapeHtml(claim)}: <span class="verdict">${verdict}</span></p><p class="note">${escapeHtml(evidence)}</p></li>`;
}
