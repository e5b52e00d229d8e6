import code from "../../shaders/einsum.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { stridesOf } from "../base/shape.ts";
import { allocate, type DType, elementCount, storageOf } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { collapseAxes, type CollapsedAxes, kernelRank, octet, padAxes } from "./collapse.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { parseEquation } from "./einsum_equation.ts";
import { defineOp } from "./op.ts";
import { sumSlices } from "./slices.ts";

type Uniform =
  | "length"
  | "depth"
  | "slices"
  | "span"
  | "extents"
  | "a_strides"
  | "b_strides"
  | "sum_extents"
  | "a_sum_strides"
  | "b_sum_strides";

const shader: Shader<"WORKGROUP_SIZE" | "RANK" | "SUM_RANK" | "BINARY", Uniform> = {
  name: "einsum",
  code,
  constants: ["WORKGROUP_SIZE", "RANK", "SUM_RANK", "BINARY"],
  uniforms: [
    "length",
    "depth",
    "slices",
    "span",
    "extents",
    "a_strides",
    "b_strides",
    "sum_extents",
    "a_sum_strides",
    "b_sum_strides",
  ],
  epilogue: true,
};

/** Iterations that one invocation may spend: the loop cap of software adapters. */
const LONGEST = 60000;

/** A tensor whose axes carry labels. */
interface Labelled {
  readonly slot: Slot;
  readonly labels: readonly string[];
  readonly shape: readonly number[];
}

/** Step of a tensor along each label: 0 where it has none, the sum of both where it has two (a diagonal). */
function stepsAlong(labels: readonly string[], { labels: own, shape }: Labelled): number[] {
  const strides = stridesOf(shape);
  return labels.map((label) =>
    own.reduce((step, one, axis) => one === label && shape[axis] !== 1 ? step + strides[axis]! : step, 0)
  );
}

/** Multiplies a by b, where there is one, and sums over all labels that `output` does not have: in slices that `store` keeps. */
function contract(
  a: Labelled,
  b: Labelled | undefined,
  output: Labelled,
  { extents, dtype, store }: {
    readonly extents: ReadonlyMap<string, number>;
    readonly dtype: DType;
    /** A temporary of so many elements. */
    store(count: number): Slot;
  },
): Dispatch[] {
  const other = b ?? { slot: a.slot, labels: [], shape: [] };
  const summed = [...new Set([...a.labels, ...other.labels])].filter((label) => !output.labels.includes(label));
  const axes = (labels: readonly string[]): CollapsedAxes => {
    const collapsed = collapseAxes(
      labels.map((label) => extents.get(label)!),
      [stepsAlong(labels, a), stepsAlong(labels, other)],
    );
    return padAxes(collapsed, kernelRank(collapsed.extents.length));
  };
  const kept = axes(output.labels);
  const inner = axes(summed);
  const depth = elementCount(inner.extents);
  const length = elementCount(output.shape);
  const slices = Math.max(1, Math.ceil(depth * inner.extents.length / LONGEST));
  if (slices > 1 && storageOf(dtype) !== "f32") {
    throw new UnsupportedError(
      `Cannot sum ${depth} products of ${dtype} in one pass, at most ${LONGEST / inner.extents.length}`,
    );
  }
  const source = slices > 1 ? store(slices * length) : output.slot;
  const products = dispatch(shader, {
    bindings: [a.slot, other.slot, source],
    constants: {
      WORKGROUP_SIZE,
      RANK: kept.extents.length,
      SUM_RANK: inner.extents.length,
      BINARY: b !== undefined,
    },
    uniforms: {
      length,
      depth,
      slices,
      span: Math.ceil(depth / slices),
      extents: octet(kept.extents),
      a_strides: octet(kept.strides[0]!),
      b_strides: octet(kept.strides[1]!),
      sum_extents: octet(inner.extents),
      a_sum_strides: octet(inner.strides[0]!),
      b_sum_strides: octet(inner.strides[1]!),
    },
    aliases: { R: storageOf(dtype) },
    workgroups: linearGrid(length * slices, WORKGROUP_SIZE),
  });
  if (slices === 1) return [products];
  const sum = { source, destination: output.slot, length, slices, rowLength: length, alpha: 1, beta: 0 };
  return [products, sumSlices(sum)];
}

const TOLERANCE = { relative: 1e-5, absolute: 1e-4, reason: "the order of additions is open" };

/** ONNX Einsum of any number of operands, contracted from left to right. */
export const einsum = defineOp<{ equation: string }>({
  type: "Einsum",
  since: 12,
  isVariadic: true,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ equation: raw.string("equation", "") }),
  infer: (inputs, { equation }) => {
    const { dtype } = inputs[0]!;
    if (inputs.some((one) => one?.dtype !== dtype)) throw new ModelError("Cannot sum operands of different types");
    const { output, extents } = parseEquation(equation, inputs.map((one) => one!.shape));
    return [{ dtype, shape: output.map((label) => extents.get(label)!) }];
  },
  lower: (inputs, [y], { equation }) => {
    const { inputs: labels, output, extents } = parseEquation(equation, inputs.map((one) => one!.shape));
    const operands = inputs.map((one, place): Labelled => ({
      slot: `x${place}`,
      labels: labels[place]!,
      shape: one!.shape,
    }));
    const result: Labelled = { slot: "y0", labels: output, shape: y!.shape };
    const dispatches: Dispatch[] = [];
    const temporaries: number[] = [];
    const store = (count: number): Slot => `t${temporaries.push(count) - 1}`;
    const shared = { extents, dtype: y!.dtype, store };
    let left = operands[0]!;
    for (let place = 1; place < operands.length - 1; place++) {
      const later = new Set([...output, ...labels.slice(place + 1).flat()]);
      const kept = [...new Set([...left.labels, ...labels[place]!])].filter((label) => later.has(label));
      const shape = kept.map((label) => extents.get(label)!);
      const partial: Labelled = { slot: store(elementCount(shape)), labels: kept, shape };
      dispatches.push(...contract(left, operands[place]!, partial, shared));
      left = partial;
    }
    dispatches.push(...contract(left, operands.length > 1 ? operands.at(-1) : undefined, result, shared));
    return { dispatches, temporaries };
  },
  reference: (inputs, { equation }) => {
    const { inputs: labels, output, extents } = parseEquation(equation, inputs.map((one) => one!.shape));
    const shape = output.map((label) => extents.get(label)!);
    const summed = [...extents.keys()].filter((label) => !output.includes(label));
    const data = allocate(inputs[0]!.dtype, elementCount(shape));
    const all = [...output, ...summed];
    eachCoordinate(shape, (at, index) => {
      let sum = 0;
      eachCoordinate(summed.map((label) => extents.get(label)!), (inner) => {
        const place = [...at, ...inner];
        sum += inputs.reduce((product, one, operand) => {
          const own = labels[operand]!.map((label, axis) => one!.shape[axis] === 1 ? 0 : place[all.indexOf(label)]!);
          return product * one!.data[offsetOf(own, stridesOf(one!.shape))]!;
        }, 1);
      });
      data[index] = sum;
    });
    return [{ dtype: inputs[0]!.dtype, shape, data }];
  },
  macs: (inputs, _outputs, { equation }) =>
    elementCount([...parseEquation(equation, inputs.map((one) => one!.shape)).extents.values()]),
  cases: ([
    { name: "matrix product", inputs: [f32(5, 33), f32(33, 7)], attributes: { equation: "ik,kj->ij" } },
    { name: "implicit result", inputs: [f32(5, 7), f32(7, 3)], attributes: { equation: "bz, za" } },
    { name: "transpose", inputs: [f32(3, 65)], attributes: { equation: "ij->ji" } },
    { name: "trace", inputs: [f32(7, 7)], attributes: { equation: "ii" } },
    { name: "diagonals of a batch", inputs: [f32(3, 5, 5)], attributes: { equation: "...ii->...i" } },
    {
      name: "ellipses broadcast",
      inputs: [f32(2, 1, 3, 4), f32(5, 4, 2)],
      attributes: { equation: "...ik,...kj->...ij" },
    },
    { name: "attention", inputs: [f32(2, 5, 3, 4), f32(2, 7, 3, 4)], attributes: { equation: "bqhd,bkhd->bhqk" } },
    { name: "two summed axes", inputs: [f32(2, 3, 4), f32(4, 2, 5)], attributes: { equation: "abc,cad->bd" } },
    { name: "inner product", inputs: [f32(65), f32(65)], attributes: { equation: "i,i" } },
    { name: "three operands", inputs: [f32(2, 3), f32(3, 4), f32(4, 5)], attributes: { equation: "ab,bc,cd->ad" } },
    { name: "int32", inputs: [{ dtype: "int32", shape: [3, 4] }], attributes: { equation: "ij->i" } },
    { name: "empty", inputs: [f32(0, 3), f32(3, 2)], attributes: { equation: "ij,jk->ik" } },
  ] as const).map((one) => ({ ...one, tolerance: TOLERANCE })),
});
