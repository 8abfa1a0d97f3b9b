import type { OnnxArray, Runtime } from '../runtime/array.ts';
import { compileProgram, type Model } from '../runtime/compile.ts';
import { hoist } from '@odegrad/trace';
import { difference, restrict, type Program } from '@odegrad/trace';
import { turnFactors } from '../passes/prepack.ts';

type Arrays = Readonly<Record<string, OnnxArray>>;

/** What programs of a field make of its variables alone: done once for a solve, and held as long. */
export interface Preludes {
  /** The program without it, which takes it in under names with that prefix, or those that other programs gave it. */
  without(program: Program, prefix: string): Program;
  /** For one solve: what a model with such inputs takes in. Made when it is first asked for. */
  solve(variables: Arrays): (inputs: ReadonlySet<string>) => Arrays;
}

interface Prelude {
  readonly names: readonly string[];
  readonly model: () => Model;
}

export function createPreludes(runtime: Runtime): Preludes {
  const preludes: Prelude[] = [];
  /** What makes each value, by its name. */
  const makings = new Map<string, Program>();
  // Elsewhere inputs are copied to the device in every call, and arithmetic costs less.
  const pays = runtime.providers.every((provider) => provider === 'cpu');
  return {
    without(program, prefix) {
      if (!pays) return program;
      const { prelude, rest } = hoist(turnFactors(program), prefix);
      if (!prelude) return rest;
      // f's program and its gradient's want much the same: a value that another prelude makes goes by its name there.
      const known = new Map<string, string>();
      const own = prelude.outputs.filter(({ name, value }) => {
        const making = restrict(prelude, [{ name: '', value }]);
        const twin = [...makings].find(([, other]) => difference(making, other) === undefined);
        if (twin) known.set(name, twin[0]);
        else makings.set(name, making);
        return !twin;
      });
      if (own.length > 0) {
        let model: Model | undefined;
        const names = own.map(({ name }) => name);
        preludes.push({
          names,
          model: () => (model ??= compileProgram(restrict(prelude, own), runtime)),
        });
      }
      const inputs = rest.inputs.map(({ name, value }) => ({ name: known.get(name) ?? name, value }));
      return { ...rest, inputs };
    },
    solve(variables) {
      const made = new Map<Prelude, Arrays>();
      const valuesOf = (prelude: Prelude): Arrays => {
        let values = made.get(prelude);
        if (!values) {
          const model = prelude.model();
          for (const name of model.inputs) model.feeds[name] = variables[name]!;
          made.set(prelude, (values = model.run()));
        }
        return values;
      };
      return (inputs) =>
        Object.fromEntries(
          preludes
            .filter(({ names }) => names.some((name) => inputs.has(name)))
            .flatMap((prelude) => Object.entries(valuesOf(prelude))),
        );
    },
  };
}
