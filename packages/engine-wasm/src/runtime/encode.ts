import type { FloatType } from '@odegrad/trace';

import type { Code } from '../encode/bytes.ts';
import { call, createEmitter, get, integer, type Emitter } from '../encode/emitter.ts';
import { encodeModule, type FunctionCode, type Signature } from '../encode/module.ts';
import { createIntegers } from '../functions/integers.ts';
import { createLanes } from '../functions/lanes.ts';
import { phases, type Nest } from '../lower/plan.ts';
import type { Scene } from '../nests/node.ts';
import type { Buffer } from '../nests/view.ts';

/** Bytes of a function from which on another is begun: compilers take more than proportionally long for large ones. */
const LARGE = 2 ** 14;

type Place = Scene['place'];
const fixed: Place = ({ address }) => ({ address });

/** Loops that are the same code, as one function: what it is given is where the arrays of each are. */
interface Shared {
  /** Its number among the functions. */
  readonly part: number;
  /** By loop. */
  readonly operands: ReadonlyMap<Nest, Code>;
}

/** The module of a program's loops, each phase a function of its own. Those of a step's stages are written once. */
export function encode(nests: readonly Nest[], float: FloatType, relaxed: boolean): Uint8Array<ArrayBuffer> {
  const imports: (Signature & { name: string })[] = [];
  const imported = (name: string, operands: number): number => {
    const known = imports.findIndex((one) => one.name === name);
    if (known >= 0) return known;
    const parameters = Array.from({ length: operands }, () => 'f64' as const);
    return imports.push({ name, parameters, results: ['f64'] }) - 1;
  };
  const parts: FunctionCode[] = [];
  const sceneOf = (emitter: Emitter, place: Place): Scene => {
    const lanes = createLanes(float, emitter, imported, relaxed);
    return { lanes, integers: createIntegers(lanes), place };
  };
  const share = (alike: readonly Nest[]): Shared => {
    const { place, parameters, operands } = placesOf(alike);
    const emitter = createEmitter(Array.from({ length: parameters }, () => 'i32' as const));
    alike[0]!.emit(emitter, sceneOf(emitter, place));
    return { part: parts.push(emitter.finish()) - 1, operands };
  };
  const bySignature = new Map<string, Nest[]>();
  for (const nest of nests) {
    if (!nest.signature) continue;
    const { text } = nest.signature;
    bySignature.set(text, [...(bySignature.get(text) ?? []), nest]);
  }
  const shared = new Map<string, Shared>();
  const sharedBy = (nest: Nest): Shared | undefined => {
    const text = nest.signature?.text;
    const alike = text === undefined ? [] : bySignature.get(text)!;
    if (alike.length < 2) return undefined;
    let known = shared.get(text!);
    if (!known) shared.set(text!, (known = share(alike)));
    return known;
  };
  const calls = phases.map((_, phase): { readonly part: number; readonly operands: Code }[] => {
    const own: { readonly part: number; readonly operands: Code }[] = [];
    let open: { readonly emitter: Emitter; readonly scene: Scene } | undefined;
    const close = (): void => {
      if (open) own.push({ part: parts.push(open.emitter.finish()) - 1, operands: [] });
      open = undefined;
    };
    const begin = (): { readonly emitter: Emitter; readonly scene: Scene } => {
      const emitter = createEmitter();
      return { emitter, scene: sceneOf(emitter, fixed) };
    };
    for (const nest of nests.filter((one) => one.phase === phase)) {
      const common = sharedBy(nest);
      if (common) {
        close();
        own.push({ part: common.part, operands: common.operands.get(nest)! });
        continue;
      }
      open ??= begin();
      nest.emit(open.emitter, open.scene);
      if (open.emitter.size > LARGE) close();
    }
    close();
    return own;
  });
  const wholes = calls.map((own): FunctionCode => {
    const body = own.flatMap(({ part, operands }) => [...operands, ...call(imports.length + part)]);
    return { parameters: [], results: [], locals: [], body };
  });
  const exported = phases.map((name, i) => [name, imports.length + parts.length + i] as const);
  return encodeModule({
    imports,
    functions: [...parts, ...wholes],
    exports: Object.fromEntries(exported),
    pages: 1,
  });
}

/**
 * Where loops that are the same code have their arrays: from the lowest place on that an array has in any of them, by what each
 * of them is given. Arrays that move alike from one to the next move by the same parameter, and those that stay by none.
 */
function placesOf(alike: readonly Nest[]): {
  readonly place: Place;
  readonly parameters: number;
  readonly operands: ReadonlyMap<Nest, Code>;
} {
  const places = new Map<Buffer, ReturnType<Place>>();
  const moves = new Map<string, readonly number[]>();
  alike[0]!.signature!.buffers.forEach((buffer, i) => {
    const addresses = alike.map(({ signature }) => signature!.buffers[i]!.address);
    const address = Math.min(...addresses);
    const shifts = addresses.map((own) => own - address);
    if (shifts.every((shift) => shift === 0)) places.set(buffer, { address });
    else {
      const key = shifts.join();
      moves.set(key, shifts);
      places.set(buffer, { address, shift: get([...moves.keys()].indexOf(key)) });
    }
  });
  const operands = new Map(
    alike.map((nest, k) => [nest, [...moves.values()].flatMap((shifts) => integer(shifts[k]!))]),
  );
  return { place: (buffer) => places.get(buffer)!, parameters: moves.size, operands };
}
