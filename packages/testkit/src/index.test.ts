import { expect, it } from 'vitest';
import * as testkit from './index.ts';

it('has these public names', () => {
  expect(Object.keys(testkit).sort()).toMatchInlineSnapshot(`
    [
      "Draws",
      "centralDifferences",
      "cotangentsOf",
      "createFloat64Engine",
      "describeController",
      "describeCost",
      "describeEngine",
      "describeGradient",
      "describeSolver",
      "discreteSolution",
      "discreteSteps",
      "doubledTensorFlow",
      "exactGradient",
      "flatten",
      "float64Field",
      "forcing",
      "fusedField",
      "importsOf",
      "joinVectors",
      "jump",
      "linear",
      "logspace",
      "measureCost",
      "moveSteps",
      "neuralField",
      "noise",
      "noiseVector",
      "operations",
      "pendulum",
      "readingsOf",
      "relativeError",
      "riccati",
      "riccatiSolution",
      "runTrial",
      "scalarField",
      "spiral",
      "spiralSolution",
      "splitVector",
      "tangentGradient",
    ]
  `);
});
