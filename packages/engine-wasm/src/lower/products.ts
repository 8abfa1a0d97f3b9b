import { broadcast, transposed, type View } from '../nests/view.ts';
import type { Call, Lowering, LoweringTable } from './call.ts';
import { accumulate } from './accumulate.ts';
import { UnsupportedError } from './unsupported.ts';

/** With the last two axes changed for each other, if they are to be. */
const turned = (view: View, isTurned: boolean): View => {
  const axes = view.shape.map((_, axis) => axis);
  return isTurned ? transposed(view, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]) : view;
};

const product: Lowering = (call) => {
  const { plan, attrs, operand, output, phase, kernel } = call;
  const [a, b] = [operand('a'), operand('b')];
  const left = turned(plan.view(a), attrs['transposeA'] === true);
  const right = turned(plan.view(b), attrs['transposeB'] === true);
  let level = Math.max(plan.ready(a, phase), plan.ready(b, phase));
  const layout = (value: number): string | undefined => plan.rows?.shardings[value];
  if (layout(output) === 'partial' && (layout(a) === 'sharded' || layout(b) === 'sharded')) {
    sumOverRows(call, left, right, level);
    return;
  }
  const shape = plan.shape(output);
  const rank = shape.length;
  const terms = left.shape.at(-1)!;
  if (terms === 0) throw new UnsupportedError(kernel, 'of no terms has no WebAssembly');
  // Lanes go along the columns, or along rows that are neighbours; their operand is to have neighbours there as well.
  const acrossRows = layout(output) === 'sharded' && rank === 2;
  const wide = acrossRows ? left : right;
  const lane = acrossRows ? rank - 2 : wide.shape.length - 1;
  let packed = wide;
  const isBatchOfRows = layout(output) === 'sharded' && rank > 2;
  if (!isBatchOfRows && wide.strides[lane] !== 1 && wide.shape[lane]! > 1) {
    const source = acrossRows ? a : b;
    const packPhase = plan.phase(source);
    const packLevel = plan.ready(source, packPhase);
    packed = plan.scratch(wide.shape);
    if (acrossRows) packed = { ...packed, strides: [1, wide.shape[0]!] };
    plan.copyView(wide, 'float', packed, packPhase, packLevel);
    if (packPhase === phase) level = Math.max(level, packLevel + 1);
  }
  const [x, y] = acrossRows ? [packed, right] : [left, packed];
  // Over the axes of the result and the terms.
  const batch = shape.slice(0, -2);
  const over = (view: View, isLeft: boolean): View => {
    const { strides } = broadcast(view, [...batch, ...view.shape.slice(-2)]);
    const [last, one] = [strides.at(-2)!, strides.at(-1)!];
    return {
      ...view,
      shape: [...shape, terms],
      strides: [...strides.slice(0, -2), ...(isLeft ? [last, 0, one] : [0, one, last])],
    };
  };
  plan.product(output, { a: over(x, true), b: over(y, false), terms }, level);
};

/** aᵀ b over rows that lie in lanes. */
function sumOverRows(call: Call, left: View, right: View, level: number): void {
  const { plan, output, kernel } = call;
  if (left.shape.length !== 2 || left.strides[1] !== 1 || right.strides[0] !== 1)
    throw new UnsupportedError(kernel, 'over rows apart in memory has no WebAssembly');
  accumulate(plan, output, plan.shape(output), level, [{ a: left, b: transposed(right, [1, 0]) }]);
}

/** Matrix products. */
export const products: LoweringTable = { BatchMatMul: product };
