/** MatMulInteger and QLinearMatMul: products of 8-bit codes, summed exactly in int32. */
import code from "../../shaders/integer_matmul.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { broadcastStrides, stridesOf } from "../base/shape.ts";
import {
  allocate,
  type DType,
  elementCount,
  formatShape,
  type HostTensor,
  hostTensor,
  type TensorType,
} from "../base/tensor.ts";
import { broadcast } from "./binary.ts";
import { constantF32 } from "./case_types.ts";
import { collapseAxes, kernelRank, octet, padAxes } from "./collapse.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { defineOp } from "./op.ts";
import { checkCount, requantized, requantizeDispatch } from "./requantize.ts";

type Constant = "WORKGROUP_SIZE" | "RANK" | "HAS_A_ZERO" | "HAS_B_ZERO";
type Uniform =
  | "length"
  | "rows"
  | "columns"
  | "depth"
  | "a_zero_stride"
  | "b_zero_stride"
  | "extents"
  | "a_strides"
  | "b_strides";

const shader: Shader<Constant, Uniform> = {
  name: "integer_matmul",
  code,
  constants: ["WORKGROUP_SIZE", "RANK", "HAS_A_ZERO", "HAS_B_ZERO"],
  uniforms: [
    "length",
    "rows",
    "columns",
    "depth",
    "a_zero_stride",
    "b_zero_stride",
    "extents",
    "a_strides",
    "b_strides",
  ],
};

/** Products that one invocation sums at most: the loop cap of software adapters. */
export const LONGEST_SUM = 60000;

interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly batch: readonly number[];
  readonly aBatch: readonly number[];
  readonly bBatch: readonly number[];
  /** Shape of the result, with the axes that a vector does not have left out. */
  readonly shape: readonly number[];
}

function productOf(a: readonly number[], b: readonly number[]): Product {
  const [rows, depth] = a.length === 1 ? [1, a[0]] : [a.at(-2), a.at(-1)];
  const [inner, columns] = b.length === 1 ? [b[0], 1] : [b.at(-2), b.at(-1)];
  if (rows === undefined || depth === undefined || columns === undefined || depth !== inner) {
    throw new ModelError(`Cannot multiply ${formatShape(a)} by ${formatShape(b)}`);
  }
  if (depth > LONGEST_SUM) throw new UnsupportedError(`Cannot sum ${depth} products, at most ${LONGEST_SUM}`);
  const aBatch = a.slice(0, -2);
  const bBatch = b.slice(0, -2);
  const batch = broadcast(aBatch, bBatch);
  const shape = [...batch, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])];
  return { rows, columns, depth, batch, aBatch, bBatch, shape };
}

/** One operand's codes and, where there are any, their zero points. */
interface Codes {
  readonly slot: Slot;
  readonly zero: TensorType | undefined;
  readonly zeroSlot: Slot;
}

function productDispatch(product: Product, a: Codes, b: Codes, y: Slot): Dispatch {
  const { rows, columns, depth, batch, aBatch, bBatch } = product;
  const steps = (own: readonly number[], size: number) => broadcastStrides(own, batch).map((step) => step * size);
  const collapsed = collapseAxes(batch, [steps(aBatch, rows * depth), steps(bBatch, depth * columns)]);
  const rank = kernelRank(collapsed.extents.length);
  const { extents, strides } = padAxes(collapsed, rank);
  const length = elementCount(batch) * rows * columns;
  return dispatch(shader, {
    bindings: [a.slot, b.slot, a.zero ? a.zeroSlot : a.slot, b.zero ? b.zeroSlot : b.slot, y],
    constants: { WORKGROUP_SIZE, RANK: rank, HAS_A_ZERO: a.zero !== undefined, HAS_B_ZERO: b.zero !== undefined },
    uniforms: {
      length,
      rows,
      columns,
      depth,
      a_zero_stride: Number(a.zero !== undefined && elementCount(a.zero.shape) > 1),
      b_zero_stride: Number(b.zero !== undefined && elementCount(b.zero.shape) > 1),
      extents: octet(extents),
      a_strides: octet(strides[0]!),
      b_strides: octet(strides[1]!),
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  });
}

/** Visits every sum with its row and column: for references. */
function eachSum(
  a: HostTensor,
  b: HostTensor,
  aZero: HostTensor | undefined,
  bZero: HostTensor | undefined,
  visit: (sum: number, index: number, row: number, column: number) => void,
): void {
  const { rows, columns, depth, batch, aBatch, bBatch } = productOf(a.shape, b.shape);
  const aStrides = stridesOf([...aBatch, rows, depth]);
  const bStrides = stridesOf([...bBatch, depth, columns]);
  const zeroAt = (zero: HostTensor | undefined, place: number) => zero?.data[zero.data.length > 1 ? place : 0] ?? 0;
  eachCoordinate([...batch, rows, columns], (at, index) => {
    const [row, column] = at.slice(-2) as [number, number];
    const matrix = at.slice(0, -2);
    const within = (own: readonly number[]) =>
      own.map((extent, axis) => extent === 1 ? 0 : matrix.slice(-own.length)[axis]!);
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      const x = a.data[offsetOf([...within(aBatch), row, k], aStrides)]! - zeroAt(aZero, row);
      const w = b.data[offsetOf([...within(bBatch), k, column], bStrides)]! - zeroAt(bZero, column);
      sum += x * w;
    }
    visit(sum, index, row, column);
  });
}

const codes = (dtype: DType, ...shape: number[]): TensorType => ({ dtype, shape });
const BYTES = { range: [0, 255] } as const;

/** ONNX MatMulInteger: zero points per tensor, per row of a, per column of b. */
export const matmulInteger = defineOp<null>({
  type: "MatMulInteger",
  since: 10,
  quant: { kind: "non_quantizable" },
  attributes: () => null,
  infer: ([a, b, aZero, bZero]) => {
    const { shape, rows, columns } = productOf(a!.shape, b!.shape);
    checkCount("a_zero_point", aZero, rows);
    checkCount("b_zero_point", bZero, columns);
    return [{ dtype: "int32", shape }];
  },
  lower: ([a, b, aZero, bZero]) => ({
    dispatches: [
      productDispatch(
        productOf(a!.shape, b!.shape),
        { slot: "x0", zero: aZero, zeroSlot: "x2" },
        { slot: "x1", zero: bZero, zeroSlot: "x3" },
        "y0",
      ),
    ],
  }),
  reference: ([a, b, aZero, bZero]) => {
    const { shape } = productOf(a!.shape, b!.shape);
    const data = allocate("int32", elementCount(shape));
    eachSum(a!, b!, aZero, bZero, (sum, index) => data[index] = sum);
    return [{ dtype: "int32", shape, data }];
  },
  macs: ([a], [y]) => elementCount(y!.shape) * (a!.shape.at(-1) ?? 1),
  cases: [
    { name: "without zero points", inputs: [codes("int8", 5, 7), codes("uint8", 7, 3)], range: [0, 127] },
    {
      name: "zero points",
      inputs: [codes("uint8", 33, 65), codes("uint8", 65, 17), codes("uint8"), codes("uint8", 1)],
      ...BYTES,
    },
    {
      name: "zero points per row and column",
      inputs: [codes("uint8", 3, 4), codes("uint8", 4, 5), codes("uint8", 3), codes("uint8", 5)],
      ...BYTES,
    },
    { name: "batches both ways", inputs: [codes("int8", 2, 1, 3, 4), codes("int8", 5, 4, 2)], range: [-128, 127] },
    { name: "vectors", inputs: [codes("int8", 9), codes("int8", 9)], range: [-128, 127] },
  ],
});

/** ONNX QLinearMatMul: codes times codes, requantized; scales per tensor, per row of a, per column of b. */
export const qlinearMatmul = defineOp<null>({
  type: "QLinearMatMul",
  since: 10,
  quant: { kind: "non_quantizable" },
  attributes: () => null,
  infer: ([a, aScale, aZero, b, bScale, bZero, yScale, yZero]) => {
    const { shape, rows, columns } = productOf(a!.shape, b!.shape);
    for (const [name, operand] of [["a_scale", aScale], ["a_zero_point", aZero]] as const) {
      checkCount(name, operand, rows);
    }
    for (const [name, operand] of [["b_scale", bScale], ["b_zero_point", bZero]] as const) {
      checkCount(name, operand, columns);
    }
    checkCount("y_scale", yScale, 1);
    checkCount("y_zero_point", yZero, 1);
    return [{ dtype: yZero!.dtype, shape }];
  },
  lower: ([a, aScale, aZero, b, bScale, bZero], [y]) => {
    const product = productOf(a!.shape, b!.shape);
    const { rows, columns } = product;
    return {
      dispatches: [
        productDispatch(product, { slot: "x0", zero: aZero, zeroSlot: "x2" }, {
          slot: "x3",
          zero: bZero,
          zeroSlot: "x5",
        }, "t0"),
        requantizeDispatch(
          "t0",
          y!,
          [
            { slot: "x1", count: elementCount(aScale!.shape), inner: columns, extent: rows },
            { slot: "x4", count: elementCount(bScale!.shape), inner: 1, extent: columns },
          ],
          ["x6", "x7"],
        ),
      ],
      temporaries: [elementCount(y!.shape)],
    };
  },
  reference: ([a, aScale, aZero, b, bScale, bZero, yScale, yZero]) => {
    const { shape } = productOf(a!.shape, b!.shape);
    const data = allocate(yZero!.dtype, elementCount(shape));
    const scaleAt = (scale: HostTensor, place: number) => scale.data[scale.data.length > 1 ? place : 0]!;
    eachSum(a!, b!, aZero, bZero, (sum, index, row, column) => {
      const scales = [scaleAt(aScale!, row), scaleAt(bScale!, column), yScale!.data[0]!] as const;
      data[index] = requantized(sum, scales, yZero!.data[0]!, yZero!.dtype);
    });
    return [{ dtype: yZero!.dtype, shape, data }];
  },
  macs: ([a], [y]) => elementCount(y!.shape) * (a!.shape.at(-1) ?? 1),
  cases: [
    {
      name: "uint8",
      inputs: [
        codes("uint8", 5, 65),
        constantF32([0.01], []),
        zero("uint8", 113),
        codes("uint8", 65, 7),
        constantF32([0.02], []),
        zero("uint8", 114),
        constantF32([0.1], []),
        zero("uint8", 118),
      ],
      ...BYTES,
    },
    {
      name: "int8 batches, scales per column",
      inputs: [
        codes("int8", 2, 3, 4),
        constantF32([0.25], []),
        zero("int8", -3),
        codes("int8", 4, 2),
        constantF32([0.5, 0.125]),
        { dtype: "int8", shape: [2], value: new Int8Array([1, -1]) },
        constantF32([4], []),
        zero("int8", 5),
      ],
      range: [-128, 127],
    },
  ],
});

function zero(dtype: DType, value: number): TensorType {
  return { dtype, shape: [], value: hostTensor(dtype, [], [value]).data };
}
