import { describe, expect, it } from 'vitest';
import * as core from './index.ts';

describe('the package', () => {
  it('has these public names', () => {
    expect(Object.keys(core).sort()).toMatchInlineSnapshot(`
      [
        "ArgumentError",
        "DEFAULT_MAX_STEPS",
        "EngineError",
        "Registry",
        "RegistryError",
        "SolveError",
        "TableauError",
        "checkTimes",
        "combineStates",
        "createLedger",
        "createRegistry",
        "dotStates",
        "forward",
        "integral",
        "integrate",
        "isFirstSameAsLast",
        "isFixed",
        "isTableau",
        "pi",
        "pid",
        "registry",
        "rungeKutta",
        "scheduled",
        "solution",
        "solutionStages",
        "stageEvaluator",
        "stagedStep",
        "stateBytes",
        "stepsBetween",
        "suggest",
        "verifyTableau",
      ]
    `);
  });
});
