import type { Plugin } from '@odegrad/core';
import { adaptiveHeun } from './adaptive-heun.ts';
import { bosh3 } from './bosh3.ts';
import { cashKarp } from './cash-karp.ts';
import { dopri5 } from './dopri5.ts';
import { dopri8 } from './dopri8.ts';
import { euler } from './euler.ts';
import { fehlberg2 } from './fehlberg2.ts';
import { fehlberg45 } from './fehlberg45.ts';
import { heun2 } from './heun2.ts';
import { heun3 } from './heun3.ts';
import { midpoint } from './midpoint.ts';
import { ralston2 } from './ralston2.ts';
import { rk38 } from './rk38.ts';
import { rk4 } from './rk4.ts';
import { ssprk33 } from './ssprk33.ts';
import { tsit5 } from './tsit5.ts';

export {
  adaptiveHeun,
  bosh3,
  cashKarp,
  dopri5,
  dopri8,
  euler,
  fehlberg2,
  fehlberg45,
  heun2,
  heun3,
  midpoint,
  ralston2,
  rk38,
  rk4,
  ssprk33,
  tsit5,
};

/** Explicit Runge–Kutta methods from the literature, by ascending order; `registry.use(plugin)` verifies each. */
const plugin: Plugin = {
  name: '@odegrad/tableaux',
  tableaux: [
    euler,
    midpoint,
    heun2,
    ralston2,
    adaptiveHeun,
    fehlberg2,
    heun3,
    ssprk33,
    bosh3,
    rk4,
    rk38,
    fehlberg45,
    cashKarp,
    dopri5,
    tsit5,
    dopri8,
  ],
};

export default plugin;
