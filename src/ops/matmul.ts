/** ONNX MatMul. */
import { ModelError } from "../base/errors.ts";
import { broadcastShapes, broadcastStrides } from "../base/shape.ts";
import { elementCount, formatShape, hostTensor } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { collapseBroadcast } from "./collapse.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { requireFloat, SUM_TOLERANCE } from "./float_sums.ts";
import { lowerMatmul, type Matmul } from "./matmul_kernel.ts";
import { defineOp, type OpCase } from "./op.ts";

/** A product of two batches of matrices, vectors promoted to matrices. */
interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly aBatch: readonly number[];
  readonly bBatch: readonly number[];
  readonly batch: readonly number[];
  readonly shape: readonly number[];
}

function productOf(a: readonly number[], b: readonly number[]): Product {
  if (a.length === 0 || b.length === 0) {
    throw new ModelError(`Cannot multiply ${formatShape(a)} by ${formatShape(b)}: expected no scalars`);
  }
  const m = a.length === 1 ? 1 : a.at(-2)!;
  const n = b.length === 1 ? 1 : b.at(-1)!;
  const k = a.at(-1)!;
  const inner = b.length === 1 ? b[0]! : b.at(-2)!;
  if (inner !== k) {
    throw new ModelError(`Cannot multiply ${formatShape(a)} by ${formatShape(b)}: ${k} columns and ${inner} rows`);
  }
  const aBatch = a.slice(0, -2);
  const bBatch = b.slice(0, -2);
  const batch = broadcastShapes(aBatch, bBatch);
  return {
    m,
    n,
    k,
    aBatch,
    bBatch,
    batch,
    shape: [...batch, ...a.length === 1 ? [] : [m], ...b.length === 1 ? [] : [n]],
  };
}

/** `hasBias`: whether a third operand, which ONNX does not know, is added to every row. */
function matmulOf(
  { m, n, k, aBatch, bBatch, batch }: Product,
  { hasBias, changesB }: { readonly hasBias: boolean; readonly changesB: boolean },
): Matmul {
  const aCount = elementCount(aBatch);
  const bCount = elementCount(bBatch);
  const operands = (rows: number, matrices: number) => ({
    rows,
    columns: n,
    depth: k,
    a: { slot: "x0", count: matrices, matrixStride: m * k, rowStride: k, columnStride: 1 } as const,
    b: { slot: "x1", count: bCount, matrixStride: k * n, rowStride: n, columnStride: 1 } as const,
    changesB,
    alpha: 1,
    beta: hasBias ? 1 : 0,
    ...(hasBias ? { c: { slot: "x2", row: 0, column: 1, rowPeriod: 1 } as const } : {}),
    wholeSum: hasBias ? "before_addend" as const : "with_addend" as const,
    length: elementCount(batch) * m * n,
  });
  if (bCount === 1) {
    // One right operand for all: the left ones stand on top of each other.
    return { ...operands(m * aCount, 1), inner: { extent: 1, b: 0, y: 0 }, outer: [] };
  }
  const { extents, strides } = collapseBroadcast(batch, [aBatch, bBatch, batch]);
  const axes = extents.map((extent, axis) => ({
    extent,
    a: strides[0]![axis]!,
    b: strides[1]![axis]!,
    c: 0,
    y: strides[2]![axis]! * m * n,
  }));
  const last = axes.at(-1)!;
  if (last.a !== 0) return { ...operands(m, aCount), inner: { extent: 1, b: 0, y: 0 }, outer: axes };
  return { ...operands(m, aCount), inner: { extent: last.extent, b: last.b, y: last.y }, outer: axes.slice(0, -1) };
}

const CASES = ([
  { name: "matrices", inputs: [f32(3, 4), f32(4, 5)] },
  { name: "quads", inputs: [f32(16, 8), f32(8, 16)] },
  { name: "one past every tile", inputs: [f32(17, 5), f32(5, 129)] },
  { name: "rows of pairs", inputs: [f32(5, 6), f32(6, 22)] },
  { name: "vector times matrix", inputs: [f32(7), f32(7, 9)] },
  { name: "matrix times vector", inputs: [f32(9, 7), f32(7)] },
  { name: "vector times vector", inputs: [f32(70), f32(70)] },
  { name: "batch times batch", inputs: [f32(2, 3, 5, 6), f32(2, 3, 6, 7)] },
  { name: "batch times one matrix", inputs: [f32(4, 3, 5), f32(5, 8)] },
  { name: "one matrix times batch", inputs: [f32(3, 5), f32(4, 5, 8)] },
  { name: "broadcast both ways", inputs: [f32(2, 1, 3, 5), f32(1, 4, 5, 6)] },
  { name: "broadcast in turns", inputs: [f32(2, 1, 2, 1, 3, 5), f32(1, 3, 1, 2, 5, 4)] },
  { name: "batch times vector", inputs: [f32(3, 4, 5), f32(5)] },
  { name: "vector times batch", inputs: [f32(5), f32(3, 5, 4)] },
  { name: "empty batch", inputs: [f32(0, 3, 4), f32(0, 4, 5)] },
  { name: "nothing to sum", inputs: [f32(3, 0), f32(0, 5)] },
] as readonly OpCase[]).map((one) => ({ tolerance: SUM_TOLERANCE, ...one }));

/** ONNX MatMul: the matrix product with NumPy's rules for vectors and batches. */
export const matmul = defineOp<Record<never, never>>({
  type: "MatMul",
  since: 1,
  quant: { kind: "inputs_quantizable", weight: { input: 1 } },
  attributes: () => ({}),
  infer: ([a, b]) => {
    requireFloat(a, b);
    return [{ dtype: a!.dtype, shape: productOf(a!.shape, b!.shape).shape }];
  },
  lower: ([a, b, bias], _outputs, _attributes, target) => {
    const operands = { hasBias: bias !== undefined, changesB: b!.value === undefined };
    return lowerMatmul(matmulOf(productOf(a!.shape, b!.shape), operands), target);
  },
  reference: ([a, b]) => {
    const { m, n, k, aBatch, bBatch, batch, shape } = productOf(a!.shape, b!.shape);
    const data = new Float64Array(elementCount(shape));
    const aStrides = broadcastStrides(aBatch, batch);
    const bStrides = broadcastStrides(bBatch, batch);
    eachCoordinate([...batch, m, n], (at, index) => {
      const [row, column] = at.slice(-2) as [number, number];
      const aAt = (offsetOf(at.slice(0, -2), aStrides) * m + row) * k;
      const bAt = offsetOf(at.slice(0, -2), bStrides) * k * n + column;
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a!.data[aAt + p]! * b!.data[bAt + p * n]!;
      data[index] = sum;
    });
    return [hostTensor(a!.dtype, shape, data)];
  },
  macs: ([a], outputs) => elementCount(outputs[0]!.shape) * a!.shape.at(-1)!,
  weightChannelAxis: (weight) => weight.shape.length === 1 ? 0 : -1,
  cases: CASES,
});
