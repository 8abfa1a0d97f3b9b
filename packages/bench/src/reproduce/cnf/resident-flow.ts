import { inChild } from '../../memory/in-child.ts';

/** What processes take beyond one that only solves forward, by strategy: the workload `cnf`, so many times in a row. */
export async function residentFlow(
  components: number,
  engine: string,
  strategies: readonly string[],
  note: (text: string) => void,
): Promise<number[]> {
  const task = { kind: 'resident', workload: 'cnf', components, engine } as const;
  note('a process that solves forward …');
  const base = await inChild({ ...task, strategy: 'forward' });
  const grown: number[] = [];
  for (const strategy of strategies) {
    note(`a process for ${strategy} …`);
    const { residentBytes } = await inChild({ ...task, strategy });
    grown.push(residentBytes - base.residentBytes);
  }
  return grown;
}
