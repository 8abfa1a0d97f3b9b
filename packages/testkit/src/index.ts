export { createFloat64Engine, type Float64Engine } from './float64-engine.ts';
export { float64Field, type HandWrittenField } from './field.ts';
export { neuralField, noise, noiseVector, riccati, riccatiSolution, scalarField } from './problems.ts';
