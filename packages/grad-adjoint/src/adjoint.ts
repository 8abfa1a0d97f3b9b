import {
  ArgumentError,
  combineStates,
  dotStates,
  instant,
  integration,
  isFixed,
  solutionBySteps,
  stageEvaluator,
  stepwise,
  type AdaptiveStepping,
  type FixedStepping,
  type GradientStrategy,
  type Method,
  type State,
  type Steps,
} from '@odegrad/core';
import { augmentedField } from './augmented.ts';
import { augmentedStepping, type Sizes } from './augmented-stepping.ts';
import { checkAdjointOptions, type AdjointOptions } from './options.ts';

/**
 * The continuous adjoint method: the adjoint equation is solved backward in time, from the last output to the
 * first, together with the state. It keeps the states at the output times only and is NOT the gradient of
 * the discrete solution: the two differ by the discretization error.
 *
 * Sources: R. Chen et al., Neural Ordinary Differential Equations, NeurIPS 2018, §2; the seminorm is of P. Kidger,
 * R. Chen, T. Lyons, "Hey, that's not an ODE", ICML 2021.
 *
 * @throws {ArgumentError} for options that are unknown or make no sense.
 */
export function continuousAdjoint(options: AdjointOptions = {}): GradientStrategy {
  checkAdjointOptions(options);
  return {
    name: 'adjoint',
    exact: false,
    ...stepwise((problem, method) =>
      solutionBySteps(problem, method, function* (memory, { output, failed, recorded }) {
        const { field, y0, knots, timeGradients = false } = problem;
        const { between = [], rows, dense = false, steps = false } = problem;
        if (between.length > 0 || rows || dense || steps)
          throw new ArgumentError(
            "Gradient 'adjoint' restarts backward at every output, and its steps are others, so none is read off steps. Give those " +
              'times in `ts`, or take an exact gradient.',
          );
        const { engine } = memory;
        const sizes = { parts: y0.length, parameters: field.parameters.length };
        const backward = backwardMethod(method, options, sizes);
        const evaluator = stageEvaluator(problem, memory, 'slopes');
        const ys: State<(typeof y0)[number]>[] = [];
        yield* integration(problem, method, memory, {
          wants: () => 'nothing',
          output(i, y) {
            output(i, y);
            if (i > 0) memory.keep(y);
            ys[i] = y;
          },
          failed,
        });
        // Where the solve stopped is one more output.
        const stopped = recorded.failed;
        const reached = recorded.ts.length;
        const ts = stopped ? [...recorded.ts, stopped.t] : recorded.ts;
        if (stopped) ys[reached] = stopped.y;

        return function* (outputs, { end }) {
          const cotangents = [...outputs, end];
          type S = typeof y0;
          const { parts } = sizes;
          const tsBar = ts.map(() => 0);
          const zeros = (like: S): S => like.map((x) => engine.zeros(x));
          const plus = (x: S, y: S): S => combineStates(engine, x, [{ coefficient: 1, value: y }]);
          // ⟨x, f⟩ at an output time: what moving that time alone changes.
          const rate = (i: number, x: S): number =>
            memory.scope(() => dotStates(engine, x, evaluator.at(instant(ts[i]!), 0, ys[i]!).slope!));

          // [λ, θ̄] at the output time that the sweep has come to; nothing before the first cotangent.
          let carried: S | undefined;
          const carry = (next: S): void => {
            memory.hold(next);
            if (carried) memory.drop(carried);
            carried = next;
          };
          /** Goes back from output i to the one before. */
          const back = function* (i: number, injected: S | undefined): Steps<S[number], void> {
            const lambda = carried?.slice(0, parts);
            const start = lambda && injected ? plus(lambda, injected) : (lambda ?? injected!);
            const thetaBar = carried?.slice(parts) ?? zeros(field.parameters);
            if (ts[i] === ts[i - 1]) {
              // No time to integrate over. The caller's cotangents are not ours to hand back.
              carry([...(lambda ? start : plus(start, zeros(start))), ...thetaBar]);
              return;
            }
            const augmented = {
              field: augmentedField(field, memory, parts),
              y0: [...ys[i]!, ...start, ...thetaBar],
              ts: [ts[i]!, ts[i - 1]!],
              ...(knots && {
                knots: new Map(
                  [i, i - 1].map((index, end) => [
                    end,
                    { output: true, jump: index < reached && (knots.get(index)?.jump ?? false) },
                  ]),
                ),
              }),
            };
            yield* integration(augmented, backward, memory, {
              wants: () => 'nothing',
              output(index, y) {
                if (index > 0) carry(y.slice(parts));
              },
            });
          };
          const close = memory.open();
          try {
            for (let i = ts.length - 1; i > 0; i--) {
              const injected = cotangents[i];
              if (injected && timeGradients) tsBar[i]! += rate(i, injected);
              if (!injected && !carried) continue;
              const closeInterval = memory.open();
              try {
                yield* back(i, injected);
              } finally {
                closeInterval();
              }
            }
            const lambda = carried?.slice(0, parts);
            if (timeGradients && lambda) tsBar[0]! -= rate(0, lambda);
            const direct = cotangents[0];
            const y0Bar = direct ? plus(direct, lambda ?? zeros(y0)) : (lambda ?? zeros(y0));
            if (lambda && y0Bar !== lambda) memory.drop(lambda);
            return {
              y0: memory.escape(y0Bar),
              parameters: memory.escape(carried?.slice(parts) ?? zeros(field.parameters)),
              // Those beyond a stop move nothing that was reached.
              ts: problem.ts.map((_, i) => (i < reached ? tsBar[i]! : 0)),
            };
          } finally {
            close();
          }
        };
      }),
    ),
  };
}

/** The adjoint method with the forward solve's own settings. */
export const adjoint: GradientStrategy = continuousAdjoint();

function backwardMethod(method: Method, options: AdjointOptions, sizes: Sizes): Method {
  const { onStep } = method;
  const tolerance = (['rtol', 'atol'] as const).find((name) => options[name] !== undefined);
  if (tolerance && isFixed(method.stepping)) {
    throw new ArgumentError(
      `\`${tolerance}\` of continuousAdjoint is for adaptive steps, but the steps of this solve are fixed. Leave it out, or ` +
        `solve adaptively.`,
    );
  }
  const stepping: FixedStepping | AdaptiveStepping =
    options.stepping ??
    (isFixed(method.stepping)
      ? method.stepping
      : augmentedStepping(
          {
            ...method.stepping,
            rtol: options.rtol ?? method.stepping.rtol,
            atol: options.atol ?? method.stepping.atol,
          },
          sizes,
          options.seminorm ?? true,
        ));
  return {
    ...method,
    solver: options.solver ?? method.solver,
    stepping,
    ...(onStep
      ? {
          onStep: (progress) => {
            const { t, h, steps } = progress;
            onStep({
              phase: 'backward',
              t,
              h,
              steps,
              get norm() {
                return progress.norm;
              },
            });
          },
        }
      : {}),
  };
}
