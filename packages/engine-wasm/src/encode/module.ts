import { append, list, text, unsigned, type Code } from './bytes.ts';

/** Types of values, by their code in a module. */
const types = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type ValueType = keyof typeof types;

export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A function of a module; locals are numbered after the parameters. */
export interface FunctionCode extends Signature {
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** A module with one memory, imported as `host.memory`. */
export interface ModuleSource {
  /** Functions of the host, which have the first numbers. */
  readonly imports: readonly (Signature & { readonly name: string })[];
  readonly functions: readonly FunctionCode[];
  /** Numbers of the functions that can be called from outside. */
  readonly exports: Readonly<Record<string, number>>;
  /** Pages of 64 KiB that the memory has at least. */
  readonly pages: number;
}

/** Source of `import`: where the memory and functions of the host are looked up. */
export const HOST = 'host';

const END = 0x0b;

/** The bytes of a WebAssembly module (WebAssembly Core Specification 2.0, §5.5). */
export function encodeModule({ imports, functions, exports, pages }: ModuleSource): Uint8Array<ArrayBuffer> {
  const signatures: string[] = [];
  const typeOf = ({ parameters, results }: Signature): number => {
    const key = JSON.stringify([
      [0x60],
      list(parameters.map((type) => [types[type]])),
      list(results.map((type) => [types[type]])),
    ]);
    const known = signatures.indexOf(key);
    return known >= 0 ? known : signatures.push(key) - 1;
  };
  const imported = imports.map((one) => [...text(HOST), ...text(one.name), 0, ...unsigned(typeOf(one))]);
  const memory = [...text(HOST), ...text('memory'), 2, 0, ...unsigned(pages)];
  const declared = functions.map((one) => unsigned(typeOf(one)));
  const exported = Object.entries(exports).map(([name, index]) => [...text(name), 0, ...unsigned(index)]);
  const bytes: number[] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const section = (id: number, content: Code): void => {
    bytes.push(id, ...unsigned(content.length));
    append(bytes, content);
  };
  section(1, list(signatures.map((key) => (JSON.parse(key) as number[][]).flat())));
  section(2, list([...imported, memory]));
  section(3, list(declared));
  section(7, list(exported));
  section(10, list(functions.map(body)));
  return Uint8Array.from(bytes);
}

function body({ locals, body: code }: FunctionCode): number[] {
  const runs: number[][] = [];
  for (let from = 0; from < locals.length;) {
    let to = from;
    while (locals[to] === locals[from]) to++;
    runs.push([...unsigned(to - from), types[locals[from]!]]);
    from = to;
  }
  const content = list(runs);
  append(content, code);
  content.push(END);
  const bytes = unsigned(content.length);
  append(bytes, content);
  return bytes;
}
