import { describe, expect, it } from 'vitest';
import * as core from './index.ts';

describe('the package', () => {
  it('has these public names', () => {
    expect(Object.keys(core).sort()).toMatchInlineSnapshot(`
      [
        "ArgumentError",
        "DEFAULT_MAX_STEPS",
        "EngineError",
        "METHOD_RULES",
        "Registry",
        "RegistryError",
        "STEPPING_RULES",
        "SolveError",
        "TableauError",
        "callable",
        "check",
        "checkOptions",
        "checkTimes",
        "combineStates",
        "countOf",
        "createLedger",
        "createRegistry",
        "denseOrder",
        "describe",
        "dotStates",
        "flag",
        "forward",
        "hasMembers",
        "instant",
        "integral",
        "integrate",
        "isDifferentiable",
        "isFirstSameAsLast",
        "isFixed",
        "isTableau",
        "ofKind",
        "pi",
        "pid",
        "registry",
        "rungeKutta",
        "scheduled",
        "sequentialKernel",
        "sizeOf",
        "solution",
        "solutionStages",
        "stageEvaluator",
        "stageTime",
        "stateBytes",
        "stepsBetween",
        "suggest",
        "valueThat",
        "verifyTableau",
      ]
    `);
  });
});
