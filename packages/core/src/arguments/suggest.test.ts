import { describe, expect, it } from 'vitest';
import { suggest } from './suggest.ts';

describe('suggest', () => {
  const known = ['dopri5', 'dopri8', 'rk4', 'adaptive_heun', 'symplectic'];

  it.each([
    ['dopri6', 'dopri5'],
    ['dorpi8', 'dopri8'],
    ['RK4', 'rk4'],
    ['adaptiveheun', 'adaptive_heun'],
    ['symplectc', 'symplectic'],
    ['Symplectic', 'symplectic'],
  ])('takes %s for %s', (name, meant) => {
    expect(suggest(name, known)).toBe(` Did you mean '${meant}'?`);
  });

  it.each(['euler', 'backprop', 'zzzzzzzz', 'x'.repeat(200)])('has nothing to say about %s', (name) => {
    expect(suggest(name, ['dopri5', 'symplectic'])).toBe('');
  });

  it('has nothing to say where nothing is known', () => {
    expect(suggest('rk4', [])).toBe('');
  });
});
