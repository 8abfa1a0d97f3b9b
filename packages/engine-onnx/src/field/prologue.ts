import type { OnnxArray, Runtime } from '../runtime/runtime.ts';
import { compileProgram, type Model } from '../runtime/compile.ts';
import { hoistInvariants } from '@odegrad/trace';
import { difference, restrict, type Program } from '@odegrad/trace';
import { prepack } from '../passes/prepack.ts';

type Arrays = Readonly<Record<string, OnnxArray>>;

/** What programs of a field make of its variables alone: done once for a solve, and held as long. */
export interface Prologues {
  /** The program without it, which takes it in under names with that prefix, or those that other programs gave it. */
  without(program: Program, prefix: string): Program;
  /** For one solve: what a model with such inputs takes in. Made when it is first asked for. */
  solve(variables: Arrays): (inputs: ReadonlySet<string>) => Arrays;
}

interface Prologue {
  readonly names: readonly string[];
  readonly model: () => Model;
}

export function createPrologues(runtime: Runtime): Prologues {
  const prologues: Prologue[] = [];
  /** What makes each value, by its name. */
  const makings = new Map<string, Program>();
  // Elsewhere inputs are copied to the device in every call, and arithmetic costs less.
  const pays = runtime.providers.every((provider) => provider === 'cpu');
  return {
    without(program, prefix) {
      if (!pays) return program;
      const { prologue, rest } = hoistInvariants(prepack(program), prefix);
      if (!prologue) return rest;
      // f's program and its gradient's want much the same: a value that another prologue makes goes by its name there.
      const known = new Map<string, string>();
      const own = prologue.outputs.filter(({ name, value }) => {
        const making = restrict(prologue, [{ name: '', value }]);
        const twin = [...makings].find(([, other]) => difference(making, other) === undefined);
        if (twin) known.set(name, twin[0]);
        else makings.set(name, making);
        return !twin;
      });
      if (own.length > 0) {
        let model: Model | undefined;
        const names = own.map(({ name }) => name);
        prologues.push({
          names,
          model: () => (model ??= compileProgram(restrict(prologue, own), runtime)),
        });
      }
      const inputs = rest.inputs.map(({ name, value }) => ({ name: known.get(name) ?? name, value }));
      return { ...rest, inputs };
    },
    solve(variables) {
      const made = new Map<Prologue, Arrays>();
      const valuesOf = (prologue: Prologue): Arrays => {
        let values = made.get(prologue);
        if (!values) {
          const model = prologue.model();
          for (const name of model.inputs) model.feeds[name] = variables[name]!;
          made.set(prologue, (values = model.run()));
        }
        return values;
      };
      return (inputs) =>
        Object.fromEntries(
          prologues
            .filter(({ names }) => names.some((name) => inputs.has(name)))
            .flatMap((prologue) => Object.entries(valuesOf(prologue))),
        );
    },
  };
}
