/** A label to the right of a point, in pixels from the upper left corner. */
export interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

const LINE = 14;
const CHARACTER = 7;

/** How far each label is to be moved down (or, negative, up) so that none covers another. */
export function spreadLabels(labels: readonly Label[]): number[] {
  const placed: Label[] = [];
  const shifts = new Array<number>(labels.length).fill(0);
  const byHeight = labels.map((label, i) => ({ label, i })).toSorted((a, b) => a.label.y - b.label.y);
  for (const { label, i } of byHeight) {
    const free = (shift: number): boolean =>
      placed.every((other) => !overlap(other, { ...label, y: label.y + shift }));
    // Near first, up before down.
    const candidates = placed.flatMap((_, n) => [-(n + 1) * LINE, (n + 1) * LINE]);
    const shift = [0, ...candidates].find(free) ?? (placed.length + 1) * LINE;
    shifts[i] = shift;
    placed.push({ ...label, y: label.y + shift });
  }
  return shifts;
}

function overlap(a: Label, b: Label): boolean {
  return (
    Math.abs(a.y - b.y) < LINE &&
    a.x < b.x + CHARACTER * b.text.length &&
    b.x < a.x + CHARACTER * a.text.length
  );
}
