/** Merging of neighbouring axes, so that kernels see as few of them as the data allow. */
import { broadcastStrides } from "../base/shape.ts";

/** Axes in order, each with its extent and the step of every operand along it. */
export interface CollapsedAxes {
  readonly extents: readonly number[];
  /** One list per operand. */
  readonly strides: readonly (readonly number[])[];
}

/** Drops axes of extent 1 and merges neighbours along which every operand steps evenly; at least one axis is left. */
export function collapseAxes(extents: readonly number[], strides: readonly (readonly number[])[]): CollapsedAxes {
  const kept: { extent: number; steps: number[] }[] = [];
  for (let axis = extents.length - 1; axis >= 0; axis--) {
    const extent = extents[axis]!;
    if (extent === 1) continue;
    const steps = strides.map((own) => own[axis]!);
    const inner = kept[0];
    if (inner && steps.every((step, operand) => step === inner.steps[operand]! * inner.extent)) inner.extent *= extent;
    else kept.unshift({ extent, steps });
  }
  if (kept.length === 0) kept.push({ extent: 1, steps: strides.map(() => 0) });
  return {
    extents: kept.map(({ extent }) => extent),
    strides: strides.map((_, operand) => kept.map(({ steps }) => steps[operand]!)),
  };
}

/** The axes of `target` as operands of the given shapes, each broadcast to it, step along them. */
export function collapseBroadcast(
  target: readonly number[],
  shapes: readonly (readonly number[])[],
): CollapsedAxes {
  return collapseAxes(target, shapes.map((shape) => broadcastStrides(shape, target)));
}

/** Puts leading axes of extent 1 before the others until there are `rank`. */
export function padAxes({ extents, strides }: CollapsedAxes, rank: number): CollapsedAxes {
  const lead = rank - extents.length;
  return {
    extents: [...new Array<number>(lead).fill(1), ...extents],
    strides: strides.map((own) => [...new Array<number>(lead).fill(0), ...own]),
  };
}

/** The smallest rank of 1, 2, 3, 4, 6 and 8 that holds `rank` axes: kernels are specialized by few ranks. */
export function kernelRank(rank: number): number {
  return [1, 2, 3, 4, 6, 8].find((one) => one >= rank) ?? rank;
}

/** Values of an `array<vec4<u32>, 2>` uniform. */
export function octet(values: readonly number[]): number[] {
  return [...values, ...new Array<number>(8 - values.length).fill(0)];
}

/** Axes counted in vectors of four along the last one, with what each operand is read as. */
export interface VectorAxes extends CollapsedAxes {
  readonly operands: readonly ("f32" | "vec4<f32>")[];
}

/**
 * The axes in vectors of four: operands that step along the last axis are read as vectors, those that do not as scalars.
 * undefined where the last extent, or a stride of an operand read as vectors, is no multiple of four.
 */
export function vectorAxes({ extents, strides }: CollapsedAxes): VectorAxes | undefined {
  const last = extents.length - 1;
  const operands = strides.map((own) => own[last] === 0 ? "f32" : "vec4<f32>");
  const fits = strides.every((own, operand) =>
    operands[operand] === "f32" || (own[last] === 1 && own.slice(0, last).every((stride) => stride % 4 === 0))
  );
  if (!fits || extents[last]! % 4 !== 0) return undefined;
  return {
    operands,
    extents: extents.map((extent, axis) => axis === last ? extent / 4 : extent),
    strides: strides.map((own, operand) =>
      operands[operand] === "f32" ? own : own.map((stride, axis) => axis === last ? 1 : stride / 4)
    ),
  };
}
