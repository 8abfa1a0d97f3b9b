import type { Span, State } from '@odegrad/core';

import { bytesOfFloat, type FloatData } from '@odegrad/trace';
import { type OnnxArray, type Runtime } from '../runtime/runtime.ts';
import type { FeedModel } from '../runtime/compile.ts';
import { SCAN } from '../tuning.ts';
import { compileScan, type ScanModel } from './scan.ts';
import { bytesOf } from '@odegrad/trace';
import { fillSpan, type StepProgram } from './span-inputs.ts';

type States = readonly State<OnnxArray>[];

/** Consecutive steps as rounds of one model. */
export interface SeveralSteps {
  /** The most steps that one call takes. */
  readonly longest: number;
  /** The states after each step. */
  advance(spans: readonly Span[], y: State<OnnxArray>, feed: FeedModel): States;
  /** `gy…` at the start of the first step and `gp…` of all, from the states that the steps start from. */
  adjoint(
    spans: readonly Span[],
    ys: States,
    cotangent: State<OnnxArray>,
    feed: FeedModel,
  ): { readonly results: Readonly<Record<string, OnnxArray>>; readonly stateBytes: number };
}

interface StepScan {
  readonly step: StepProgram;
  readonly model: ScanModel;
}

/** Prepares the models of several steps; each is compiled when it is first needed. */
export function severalSteps(
  programs: { readonly forward: () => StepProgram; readonly adjoint: () => StepProgram },
  shapes: readonly (readonly number[])[],
  runtime: Runtime,
): SeveralSteps {
  const floatBytes = bytesOfFloat(runtime.float);
  const stateBytes = shapes.reduce((sum, shape) => sum + bytesOf({ shape, dtype: 'float32' }, floatBytes), 0);
  const names = (prefix: string): string[] => shapes.map((_, k) => `${prefix}${k}`);
  const [ys, starts, cotangents] = [names('y'), names('first:y'), names('first:c')];

  let forward: StepScan | undefined;
  let adjoint: StepScan | undefined;
  const isOfStep = (name: string): boolean => name === 'h' || name === 's';
  const compiled = (step: StepProgram, roles: Parameters<typeof compileScan>[1]): StepScan => ({
    step,
    model: compileScan(step.program, roles, runtime),
  });
  const forwardScan = (): StepScan =>
    (forward ??= compiled(programs.forward(), {
      carriedTo: (input) => (input.startsWith('y') ? input.replace('y', 'f') : undefined),
      isScanned: isOfStep,
      counter: 'h',
      isSummed: () => false,
      isCollected: (output) => output.startsWith('f'),
    }));
  const adjointScan = (): StepScan =>
    (adjoint ??= compiled(programs.adjoint(), {
      carriedTo: (input) => (input.startsWith('c') ? input.replace('c', 'gy') : undefined),
      isScanned: (input) => isOfStep(input) || input.startsWith('y'),
      counter: 'h',
      isSummed: (output) => output.startsWith('gp'),
      isCollected: () => false,
    }));
  const fill = ({ step, model }: StepScan, spans: readonly Span[]): void => {
    const [h, s] = [model.rows('h', spans.length), model.rows('s', spans.length)];
    const { weights, nodes } = step;
    spans.forEach((span, i) => {
      fillSpan(step, span, row(h, i, weights.length), row(s, i, nodes.length));
    });
  };

  return {
    longest: Math.max(1, Math.min(SCAN.steps, Math.floor(SCAN.bytes / Math.max(1, stateBytes)))),
    advance(spans, y, feed) {
      const rounds = forwardScan();
      fill(rounds, spans);
      feed(rounds.model, [[starts, y]]);
      const { all } = rounds.model.run(spans.length);
      return spans.map((_, i) => shapes.map((__, k) => all[`f${k}`]![i]!));
    },
    adjoint(spans, states, cotangent, feed) {
      const rounds = adjointScan();
      // Last step first.
      fill(rounds, [...spans].reverse());
      ys.forEach((name, k) => {
        const rows = rounds.model.rows(name, spans.length);
        // A linear part of f is pulled back wherever it is.
        if (!rows) return;
        states.forEach((state, i) => {
          const { data, kind } = state[k]!;
          row(rows, spans.length - 1 - i, kind.size).set(data as FloatData);
        });
      });
      feed(rounds.model, [[cotangents, cotangent]]);
      return { results: rounds.model.run(spans.length).last, stateBytes: stateBytes * spans.length };
    },
  };
}

const nowhere = new Float32Array(0);

/** Row `i` of a scanned input; of one that the model does not read there is none. */
function row(rows: FloatData | undefined, i: number, size: number): FloatData {
  return rows ? rows.subarray(i * size, (i + 1) * size) : nowhere;
}
