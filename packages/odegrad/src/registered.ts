import { registry as common, type Registry } from '@odegrad/core';
import tfjs from '@odegrad/engine-tfjs';
import { wasm } from '@odegrad/engine-wasm';
import adjoint from '@odegrad/grad-adjoint';
import backprop from '@odegrad/grad-backprop';
import checkpoint from '@odegrad/grad-checkpoint';
import symplectic from '@odegrad/grad-symplectic';
import tableaux from '@odegrad/tableaux';
import { auto } from '@odegrad/trace';

/**
 * The registry that names are looked up in: that of `@odegrad/core`, so that packages beside this one, as `@odegrad/models`, find all
 * of it too. Importing this package registers every tableau, every gradient strategy and the engines tfjs, replay, wasm and auto.
 */
export const registry: Registry = common
  .use(tableaux)
  .use(backprop)
  .use(checkpoint)
  .use(symplectic)
  .use(adjoint)
  .use(tfjs)
  .use(wasm())
  .use(auto(common));
