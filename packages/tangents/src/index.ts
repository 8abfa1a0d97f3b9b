export type { ArgDirections, OdeDirection } from './direction.ts';
export { hessianVector, type HessianVectorOptions } from './hessian-vector.ts';
export { tangent, type OdeTangent, type TangentCotangents, type TangentOptions } from './tangent.ts';
export { tangents } from './tangents.ts';
export {
  tangentField,
  type TangentArgs,
  type TangentField,
  type TangentFieldOptions,
} from './tangent-field.ts';
