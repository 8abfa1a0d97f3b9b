import { it } from 'vitest';
import { openEngine } from '../engines.ts';
import { registry } from '../registry.ts';
import { drawWorkload } from './draw.ts';
import { findWorkload } from './open.ts';
import { workloadField } from './fields.ts';
import { referenceOf, resultsOf, accuracyOf } from './accuracy.ts';
import { callRun, optionsOf } from './call.ts';
import { writeFileSync } from 'node:fs';
it('x', async () => {
  for (const [w, r] of [
    ['series', 'W6-dopri5-adaptive'],
    ['W1', 'W1-dopri5-adaptive'],
    ['W2', 'W2-dopri5-adaptive'],
  ] as const) {
    const spec = findWorkload(w);
    const run = spec.runs[r]!;
    await openEngine('wasm', registry);
    const field = workloadField(spec.name, drawWorkload(spec));
    const t = performance.now();
    const ref = referenceOf(field, run);
    const y = Array.from(ref.outputs),
      g = Array.from(ref.gradient);
    const n = field.y0[0]!.size;
    const norm = (x: number[]) => Math.sqrt(x.reduce((s, v) => s + v * v, 0));
    console.log(
      w,
      performance.now() - t,
      y.length,
      g.length,
      norm(y) ** 2,
      norm(y.slice(-n)) ** 2,
      norm(g.slice(0, n)),
      norm(g.slice(n)),
    );
    if (w === 'series') writeFileSync('/work/venv/proto/ref.json', JSON.stringify({ y, g }));
    for (const e of ['wasm', 'onnx', 'auto']) {
      const c = await openEngine(e, registry);
      for (const s of ['symplectic', 'backprop', 'adjoint', 'stages']) {
        const called = callRun(field, run, optionsOf(run, c.engine, registry.get('gradient', s)));
        console.log(
          e,
          s,
          called.stats.accepted,
          called.stats.rejected,
          called.stats.evaluationsForward,
          called.stats.evaluationsBackward,
          called.stats.pullbacks,
          called.loss.dataSync()[0],
          accuracyOf(resultsOf(called, field), ref),
        );
        called.dispose();
      }
    }
  }
}, 60000);
