import { jsonLine, line, type Streams } from '../streams.ts';
import { textTable } from '../text-table.ts';
import type { Outcome, Table } from './experiment.ts';

/** An outcome for people: its tables, then its claims. */
export function printOutcome({ title, description, tables, claims }: Outcome, { out }: Streams): void {
  line(out, `${title}\n${description}`);
  for (const table of tables) line(out, `\n${table.title}. ${table.note}\n${textOf(table)}`);
  line(out, '');
  for (const { claim, verdict, evidence } of claims) line(out, `${verdict}: ${claim}\n    ${evidence}`);
}

function textOf({ head, rows }: Table): string {
  return textTable(
    rows,
    head.map((name, i) => [name, (row: readonly string[]) => row[i]!] as const),
    1,
  );
}

/** The same for programs: a line for each measurement, then one for each claim. */
export function printRecords({ name, records, claims }: Outcome, { out }: Streams): void {
  for (const record of records) jsonLine(out, { experiment: name, ...record });
  for (const claim of claims) jsonLine(out, { experiment: name, kind: 'claim', ...claim });
}
