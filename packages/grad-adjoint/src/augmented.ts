import { ArgumentError, combineStates, type Memory, type VectorField } from '@odegrad/core';

/**
 * The adjoint system on the state [y, λ, θ̄]: y′ = f, λ′ = −(∂f/∂y)ᵀλ, θ̄′ = −(∂f/∂θ)ᵀλ. One evaluation of it
 * is one evaluation of f with activations, and one pullback; nothing of it outlives the evaluation.
 */
export function augmentedField<A>(field: VectorField<A>, memory: Memory<A>, parts: number): VectorField<A> {
  return {
    engine: field.engine,
    parameters: [],
    evaluate: (t, state) =>
      memory.scope(() => {
        const y = state.slice(0, parts);
        // Pulling −λ back gives both right-hand sides with their signs.
        const minusLambda = combineStates(memory.engine, undefined, [
          { coefficient: -1, value: state.slice(parts, 2 * parts) },
        ]);
        const linearization = memory.adoptLinearization(field.linearize(t, y));
        const pulled = linearization.pullback(minusLambda, false);
        memory.ledger.pullbacks += 1;
        return memory.escape([...linearization.value, ...pulled.y, ...pulled.parameters]);
      }),
    linearize() {
      throw new ArgumentError(
        "Gradient 'adjoint' does not differentiate the system that it solves backward, as implicit solvers ask. Take an exact gradient, " +
          'such as `symplectic`.',
      );
    },
  };
}
