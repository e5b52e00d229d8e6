/** ONNX Gemm. */
import { ModelError } from "../base/errors.ts";
import { broadcastShapes, broadcastStrides, sameShape } from "../base/shape.ts";
import { formatShape, hostTensor, type TensorType } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { requireFloat, SUM_TOLERANCE } from "./float_sums.ts";
import { lowerMatmul } from "./matmul_kernel.ts";
import { defineOp, type OpCase } from "./op.ts";

interface GemmAttributes {
  readonly alpha: number;
  readonly beta: number;
  readonly transA: boolean;
  readonly transB: boolean;
  /** Whether C may be broadcast: always from opset 7 on, by an attribute before. */
  readonly broadcasts: boolean;
}

interface Extents {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function extentsOf(a: readonly number[], b: readonly number[], { transA, transB }: GemmAttributes): Extents {
  if (a.length !== 2 || b.length !== 2) {
    throw new ModelError(`Cannot multiply ${formatShape(a)} by ${formatShape(b)}: expected two matrices`);
  }
  const [m, k] = (transA ? [a[1]!, a[0]!] : [a[0]!, a[1]!]) as [number, number];
  const [inner, n] = (transB ? [b[1]!, b[0]!] : [b[0]!, b[1]!]) as [number, number];
  if (inner !== k) {
    throw new ModelError(`Cannot multiply matrices: A has ${k} columns and B ${inner} rows, expected as many`);
  }
  return { m, n, k };
}

function checkAddend(c: TensorType, target: readonly number[], broadcasts: boolean): void {
  const fits = broadcasts
    ? c.shape.length <= 2 && sameShape(broadcastShapes(c.shape, target), target)
    : sameShape(c.shape, target);
  if (!fits) {
    throw new ModelError(`Cannot add C of shape ${formatShape(c.shape)}: expected it to fit ${formatShape(target)}`);
  }
}

const CASES = ([
  { name: "plain", inputs: [f32(3, 5), f32(5, 4), f32(3, 4)] },
  { name: "without C", inputs: [f32(17, 9), f32(9, 33)] },
  { name: "transA", inputs: [f32(5, 3), f32(5, 4), f32(3, 4)], attributes: { transA: 1 } },
  { name: "transB with a bias", inputs: [f32(8, 20), f32(10, 20), f32(10)], attributes: { transB: 1 } },
  { name: "both transposed", inputs: [f32(7, 6), f32(9, 7)], attributes: { transA: 1, transB: 1 } },
  {
    name: "alpha and beta",
    inputs: [f32(4, 3), f32(3, 8), f32(4, 8)],
    attributes: { alpha: 0.25, beta: 0.375 },
  },
  { name: "beta 0", inputs: [f32(4, 3), f32(3, 8), f32(8)], attributes: { beta: 0 } },
  { name: "C a scalar", inputs: [f32(4, 3), f32(3, 8), f32()] },
  { name: "C of one element", inputs: [f32(4, 3), f32(3, 5), f32(1)] },
  { name: "C a column", inputs: [f32(19, 3), f32(3, 5), f32(19, 1)] },
  { name: "C a row", inputs: [f32(19, 3), f32(3, 17), f32(1, 17)] },
  { name: "one row, one column", inputs: [f32(1, 70), f32(70, 1), f32(1)] },
  { name: "one past every tile", inputs: [f32(65, 3), f32(3, 129), f32(129)] },
  { name: "empty batch", inputs: [f32(0, 3), f32(3, 4), f32(4)] },
  { name: "nothing to sum", inputs: [f32(3, 0), f32(0, 4), f32(4)], attributes: { beta: 2 } },
  {
    name: "opset 6 with broadcast",
    inputs: [f32(3, 5), f32(5, 4), f32(4)],
    attributes: { broadcast: 1 },
    opset: 6,
  },
  {
    name: "a reduction beyond the loop limit",
    inputs: [f32(2, 60001), f32(60001, 3), f32(3)],
    range: [-1, 1],
    tolerance: { absolute: 0.02, reason: "60,001 terms summed in single precision" },
  },
] as readonly OpCase[]).map((one) => ({ tolerance: SUM_TOLERANCE, ...one }));

/** ONNX Gemm: `alpha · A' · B' + beta · C`. */
export const gemm = defineOp<GemmAttributes>({
  type: "Gemm",
  since: 1,
  quant: { kind: "inputs_quantizable", inputs: [0, 1], weight: { input: 1, bias: 2 } },
  attributes: (raw, { opset }) => ({
    alpha: raw.float("alpha", 1),
    beta: raw.float("beta", 1),
    transA: raw.int("transA", 0) !== 0,
    transB: raw.int("transB", 0) !== 0,
    broadcasts: opset >= 7 || raw.int("broadcast", 0) !== 0,
  }),
  infer: ([a, b, c], attributes) => {
    requireFloat(a, b, c);
    const { m, n } = extentsOf(a!.shape, b!.shape, attributes);
    if (c) checkAddend(c, [m, n], attributes.broadcasts);
    return [{ dtype: a!.dtype, shape: [m, n] }];
  },
  lower: ([a, b, c], _outputs, attributes, target) => {
    const { m, n, k } = extentsOf(a!.shape, b!.shape, attributes);
    const { alpha, beta, transA, transB } = attributes;
    const [row, column] = c ? broadcastStrides(c.shape, [m, n]) as [number, number] : [0, 0];
    return lowerMatmul({
      rows: m,
      columns: n,
      depth: k,
      a: { slot: "x0", count: 1, matrixStride: 0, rowStride: transA ? 1 : k, columnStride: transA ? m : 1 },
      b: { slot: "x1", count: 1, matrixStride: 0, rowStride: transB ? 1 : n, columnStride: transB ? k : 1 },
      changesB: b!.value === undefined,
      inner: { extent: 1, b: 0, y: 0 },
      outer: [],
      ...(c ? { c: { slot: "x2", row, column, rowPeriod: m } } : {}),
      alpha,
      beta,
      wholeSum: "with_addend",
      length: m * n,
    }, target);
  },
  reference: ([a, b, c], attributes) => {
    const { m, n, k } = extentsOf(a!.shape, b!.shape, attributes);
    const { alpha, beta, transA, transB } = attributes;
    const [row, column] = c ? broadcastStrides(c.shape, [m, n]) as [number, number] : [0, 0];
    const data = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) {
          sum += a!.data[transA ? p * m + i : i * k + p]! * b!.data[transB ? j * k + p : p * n + j]!;
        }
        data[i * n + j] = alpha * sum + (c ? beta * c.data[i * row + j * column]! : 0);
      }
    }
    return [hostTensor(a!.dtype, [m, n], data)];
  },
  macs: ([a, b], _outputs, attributes) => {
    const { m, n, k } = extentsOf(a!.shape, b!.shape, attributes);
    return m * n * k;
  },
  weightChannelAxis: (_weight, { transB }) => transB ? 0 : 1,
  cases: CASES,
});
