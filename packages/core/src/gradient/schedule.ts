import { ArgumentError } from '../arguments/errors.ts';
import { integrate } from '../stepping/integrate.ts';
import { shelvedStates } from './kept-states.ts';
import { measure, type Trial } from './measure.ts';
import { isFixed, stepsOver } from '../stepping/pace.ts';
import { callable, check, checkOptions, flag, text, type Rule } from '../arguments/options.ts';
import { solution } from './solution.ts';
import { stateBytes } from '../memory/state.ts';
import type { Outlook, Retention } from './retention.ts';
import { isDifferentiable, type DifferentiableSolver } from '../solver/differentiable.ts';
import { fusedStep } from '../stepping/fused-calls.ts';
import { sweep } from './sweep.ts';
import { createTrajectory, includes, type Level } from './trajectory.ts';
import type { GradientStrategy } from '../types/plugin.ts';
import type { Solver } from '../types/solver.ts';

/** An exact gradient strategy: a name and a retention schedule made for each solve. */
export interface Schedule {
  readonly name: string;
  /** Whether the schedule heeds `Outlook.maxBytes`. */
  readonly keepsBudget?: boolean;
  readonly retention: (outlook: Outlook) => Retention;
}

const SCHEDULE_RULES: Readonly<Record<keyof Schedule, Rule>> = {
  name: text,
  keepsBudget: flag,
  retention: callable,
};

/**
 * Makes the gradient strategy of a retention schedule.
 *
 * @throws {ArgumentError} from `solve`, if the solver's steps cannot be differentiated.
 */
export function scheduled(options: Schedule): GradientStrategy {
  checkOptions('scheduled', options, SCHEDULE_RULES);
  check('name', options.name, text);
  check('retention', options.retention, callable);
  const { name, keepsBudget = false, retention: schedule } = options;
  return {
    name,
    exact: true,
    ...(keepsBudget ? { keepsBudget } : {}),
    solve(problem, method) {
      return solution(problem, method, (memory, output) => {
        const { stepping } = method;
        const solver = differentiable(method.solver, name);
        const { field, y0, ts, timeGradients = false } = problem;
        let trial: Trial<(typeof y0)[number]> | undefined;
        const retention = checked(
          name,
          schedule({
            steps: isFixed(stepping) ? stepsOver(ts, stepping) : undefined,
            stages: solver.stages,
            t0: ts[0]!,
            stateBytes: stateBytes(field.engine, y0),
            get wholeSteps() {
              return fusedStep(problem, solver.tableau)?.adjoint !== undefined;
            },
            maxBytes: method.maxBytes,
            heldBytes: memory.ledger.bytes,
            measure: () => (trial ??= measure(problem, method, memory)),
          }),
        );
        // What a budget pays for is counted to the byte, and so are arrays as they are.
        const shelf = trial ? undefined : field.engine.shelf?.(y0);
        const trajectory = createTrajectory(memory, timeGradients, shelf && shelvedStates(memory, shelf, y0));
        const outputs: (typeof y0)[] = [];
        let asked = -1;
        let level: Level = 'nothing';
        const levelOf = (n: number): Level => {
          // A rejected step is attempted again; the schedule is asked once.
          if (n !== asked) [asked, level] = [n, retention.keep(n, trajectory)];
          return level;
        };
        integrate(problem, method, memory, {
          first: trial?.first,
          ahead: retention.uniform !== undefined,
          wants(n) {
            const wanted = levelOf(n);
            return wanted === 'activations' || wanted === 'stages' ? wanted : 'nothing';
          },
          accepted: (step) => {
            // The way back always begins somewhere.
            const wanted = levelOf(step.index);
            trajectory.add(step, step.index === 0 && !includes(wanted, 'state') ? 'state' : wanted);
          },
          output(i, y) {
            outputs[i] = y;
            output(i, y);
          },
        });
        return (cotangents) =>
          sweep({ problem, method, solver, memory, trajectory, retention, outputs }, cotangents);
      });
    },
  };
}

/** The schedule, held to what `restore` must give. */
function checked(name: string, retention: Retention): Retention {
  return {
    ...retention,
    keep: (n, trajectory) => retention.keep(n, trajectory),
    restore(from, last, trajectory) {
      const plan = retention.restore(from, last, trajectory);
      return (n) => {
        const level = plan(n);
        if (n === last && !includes(level, 'stages')) {
          throw new ArgumentError(
            `Gradient '${name}': restore(${from}, ${last}) gives level '${level}' for step ${last}, which is about to be ` +
              `differentiated. It needs 'stages' or 'activations'.`,
          );
        }
        return level;
      };
    },
  };
}

/** Solves without a way back: nothing is kept. What a front end uses where nobody asks for a gradient. */
export const forward: GradientStrategy = {
  name: 'forward',
  exact: true,
  solve: (problem, method) =>
    solution(problem, method, (memory, output) => {
      integrate(problem, method, memory, { wants: () => 'nothing', ahead: true, output });
      return () => {
        throw new ArgumentError('A forward solve keeps nothing to go back with. Choose a gradient strategy.');
      };
    }),
};

/** The solver, if its steps can be differentiated. */
function differentiable(solver: Solver, strategy: string): DifferentiableSolver {
  if (isDifferentiable(solver)) return solver;
  throw new ArgumentError(
    `Gradient '${strategy}' differentiates each step, which solver '${solver.name}' cannot. Take a Runge–Kutta ` +
      `solver, or \`gradient: 'adjoint'\`.`,
  );
}
