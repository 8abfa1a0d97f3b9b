import { describe } from '../arguments/describe.ts';
import { ArgumentError } from '../arguments/errors.ts';
import { integration } from '../stepping/integrate.ts';
import { METHOD_RULES } from './check.ts';
import { checkBudgeted } from './check-readings.ts';
import { shelvedStates } from './kept-states.ts';
import { measure, type Trial } from './measure.ts';
import { isFixed, isJump, seenSpan, stepsOver } from '../stepping/pace.ts';
import { callable, check, checkOptions, flag, text, type Rule } from '../arguments/options.ts';
import { solutionBySteps, stepwise } from './solution.ts';
import { stateBytes } from '../memory/state.ts';
import { planOf } from './plan.ts';
import type { Outlook, Retention } from './retention.ts';
import { isDifferentiable, type DifferentiableSolver } from '../solver/differentiable.ts';
import { createStepper, kernelOf } from '../stepping/stepper.ts';
import { sweep } from './sweep.ts';
import { withEvents } from '../events/with-events.ts';
import type { ShareOut } from '../events/parts.ts';
import { createTrajectory, includes, wantedFor, type Level } from './trajectory.ts';
import type { GradientStrategy } from '../types/plugin.ts';
import type { Method } from '../types/problem.ts';
import type { Solver } from '../types/solver.ts';

/** An exact gradient strategy: a name and a retention schedule, the same for all solves or made for each. */
export type Schedule = {
  readonly name: string;
  /** Whether the schedule heeds `Outlook.maxBytes`. */
  readonly keepsBudget?: boolean;
  /** A budget of its own, beside that of the solve; the smaller one counts. */
  readonly maxBytes?: number;
  /** How a budget is shared out among the parts of a solve with events; without it they are refused where there is one. */
  readonly shareOut?: ShareOut;
} & (Retention | { readonly retention: (outlook: Outlook) => Retention });

const SCHEDULE_RULES: Readonly<Record<string, Rule>> = {
  name: text,
  keepsBudget: flag,
  maxBytes: METHOD_RULES.maxBytes,
  shareOut: callable,
  retention: callable,
  keep: levelOr(callable, ['nothing', 'state', 'stages', 'activations']),
  restore: levelOr(callable, ['stages', 'activations']),
  consumes: flag,
};

/**
 * Makes the gradient strategy of a retention schedule.
 *
 * @throws {ArgumentError} from `solve`, if the solver's steps cannot be differentiated.
 */
export function scheduled(options: Schedule): GradientStrategy {
  checkOptions('scheduled', options, SCHEDULE_RULES);
  const { name, keepsBudget = false, maxBytes, shareOut } = options;
  check('name', name, text);
  if ('retention' in options) check('retention', options.retention, callable);
  else for (const part of ['keep', 'restore'] as const) check(part, options[part], SCHEDULE_RULES[part]!);
  const schedule = 'retention' in options ? options.retention : () => options;
  const leastOf = (bytes: number | undefined): number | undefined =>
    bytes === undefined || maxBytes === undefined ? (bytes ?? maxBytes) : Math.min(bytes, maxBytes);
  return {
    name,
    exact: true,
    ...(keepsBudget ? { keepsBudget } : {}),
    ...servingEvents(
      keepsBudget && { shareOut, budgetOf: (method) => leastOf(method.maxBytes) },
      (problem, method) =>
        solutionBySteps(problem, method, function* (memory, recorder) {
          if (keepsBudget) checkBudgeted(problem, method, name);
          const { stepping } = method;
          const solver = differentiable(method.solver, name);
          const { field, y0, ts, timeGradients = false } = problem;
          let trial: Trial<(typeof y0)[number]> | undefined;
          const kernel = kernelOf(problem, solver);
          const retention = schedule({
            steps: isFixed(stepping) && !problem.ending ? stepsOver(problem, stepping) : undefined,
            stages: solver.stages,
            t0: ts[0]!,
            stateBytes: stateBytes(field.engine, y0),
            maxBytes: leastOf(method.maxBytes),
            heldBytes: memory.ledger.bytes,
            measure: () => (trial ??= measure(problem, method, memory)),
          });
          const plan = planOf(name, retention, kernel);
          // What a budget pays for is counted to the byte, and so are arrays as they are.
          const shelf = trial ? undefined : field.engine.shelf?.(y0);
          const trajectory = createTrajectory(
            memory,
            timeGradients,
            shelf && shelvedStates(memory, shelf, y0),
            seenSpan(problem),
          );
          const outputs: (typeof y0)[] = [];
          let end: typeof y0 | undefined;
          let asked = -1;
          let level: Level = 'nothing';
          const levelOf = (n: number): Level => {
            // A rejected step is attempted again; the schedule is asked once.
            if (n !== asked) [asked, level] = [n, plan.keep(n, trajectory)];
            return level;
          };
          yield* integration(problem, method, memory, {
            // What was measured there is not what f is beyond a jump.
            first: isJump(problem, 0) ? undefined : trial?.first,
            ahead: plan.ahead,
            wants: (n) => wantedFor(levelOf(n)),
            accepted: (step) => {
              // The way back always begins somewhere.
              const wanted = levelOf(step.index);
              trajectory.add(step, step.index === 0 && !includes(wanted, 'state') ? 'state' : wanted);
              recorder.accepted(step);
              if (step.end !== undefined) end = memory.hold(step.step.y);
            },
            output(i, y) {
              outputs[i] = y;
              end = y;
              recorder.output(i, y);
            },
            failed: recorder.failed,
          });
          const stepper = createStepper(problem, solver, memory);
          const { rows, failed } = recorder.recorded;
          const work = {
            problem,
            method,
            solver,
            memory,
            kernel,
            stepper,
            trajectory,
            plan,
            outputs,
            end: failed?.y ?? end,
            rows,
          };
          return (cotangents, read) => sweep(work, cotangents, read);
        }),
    ),
  };
}

/** Solves without a way back: nothing is kept. What a front end uses where nobody asks for a gradient. */
export const forward: GradientStrategy = {
  name: 'forward',
  exact: true,
  ...servingEvents(false, (problem, method) =>
    solutionBySteps(problem, method, function* (memory, recorder) {
      yield* integration(problem, method, memory, { wants: () => 'nothing', ahead: true, ...recorder });
      return () => {
        throw new ArgumentError('A forward solve keeps nothing to go back with. Choose a gradient strategy.');
      };
    }),
  ),
};

/** Both ways of a strategy that goes back over any part of a solve, which is what events need. */
function servingEvents(
  budgets: Parameters<typeof withEvents>[1],
  solveBySteps: Parameters<typeof stepwise>[0],
): ReturnType<typeof stepwise> {
  const parts = withEvents(solveBySteps, budgets);
  return stepwise((problem, method) => parts(problem, forSolve(method)));
}

/** The method with the solver as it is for this solve. From JavaScript anything may come; the solve checks it. */
function forSolve(method: Method): Method {
  const solver = (method as Method | undefined)?.solver;
  return solver?.forSolve ? { ...method, solver: solver.forSolve(method) } : method;
}

/** The solver, if its steps can be differentiated. */
function differentiable(solver: Solver, strategy: string): DifferentiableSolver {
  if (isDifferentiable(solver)) return solver;
  throw new ArgumentError(
    `Gradient '${strategy}' differentiates each step, which solver '${solver.name}' cannot. Take a Runge–Kutta ` +
      `solver, or \`gradient: 'adjoint'\`.`,
  );
}

/** A rule for a level, the same for every step, or a function that gives one. */
function levelOr(rule: Rule, levels: readonly Level[]): Rule {
  return (value) =>
    levels.includes(value as Level) || rule(value) === undefined
      ? undefined
      : `must be a function or one of ${levels.map((level) => `'${level}'`).join(', ')}, not ${describe(value)}`;
}
