/** ONNX MaxPool, AveragePool and LpPool. */
import type { Dispatch, Lowering } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import type { KernelTarget } from "../base/kernel_target.ts";
import { stridesOf } from "../base/shape.ts";
import { allocate, elementCount, formatShape, type HostTensor, isFloat, type TensorType } from "../base/tensor.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { defineOp, type NodeSignature, type OpDef } from "./op.ts";
import { AVERAGE_POOL_CASES, LP_POOL_CASES, MAX_POOL_CASES } from "./pool_cases.ts";
import { indicesDispatch, poolDispatch, type PoolFunctions } from "./pool_kernel.ts";
import { blockDispatch, blockTile } from "./sliding_block.ts";
import type { BlockKind } from "./sliding_block_code.ts";
import { type AxisWindow, slideWindows, type WindowAttributes, windowAttributes } from "./sliding_window.ts";
import type { AttributeReader } from "../graph/attributes.ts";

interface PoolAttributes extends WindowAttributes {
  readonly ceil: boolean;
}

function poolAttributes(raw: AttributeReader): PoolAttributes {
  const window = windowAttributes(raw);
  if (!window.kernelShape) throw new ModelError(`Cannot pool: attribute "kernel_shape" is missing`);
  return { ...window, ceil: raw.int("ceil_mode", 0) !== 0 };
}

function windowsOf(x: TensorType, attributes: PoolAttributes): AxisWindow[] {
  const spatial = x.shape.slice(2);
  if (spatial.length < 1 || spatial.length > 3) {
    throw new ModelError(`Cannot pool over ${formatShape(x.shape)}: expected 1 to 3 spatial axes`);
  }
  const kernel = attributes.kernelShape!;
  if (kernel.length !== spatial.length || kernel.some((extent) => extent < 1)) {
    throw new ModelError(`Cannot pool over ${formatShape(x.shape)}: kernel_shape is ${formatShape(kernel)}`);
  }
  return slideWindows(spatial, kernel, attributes, attributes.ceil);
}

function pooledShape(x: TensorType, windows: readonly AxisWindow[]): number[] {
  return [...x.shape.slice(0, 2), ...windows.map((window) => window.output)];
}

/** Calls back with the offsets in x under every window, in order, and the number of its taps in x or its padding. */
function eachWindow(
  x: TensorType,
  windows: readonly AxisWindow[],
  visit: (offsets: readonly number[], padded: number, index: number) => void,
): void {
  const strides = stridesOf(x.shape);
  const kernel = windows.map((window) => window.kernel);
  eachCoordinate(pooledShape(x, windows), (at, index) => {
    const offsets: number[] = [];
    let padded = 0;
    eachCoordinate(kernel, (tap) => {
      const place = windows.map(({ stride, dilation, before }, axis) =>
        at[axis + 2]! * stride + tap[axis]! * dilation - before
      );
      if (place.every((one, axis) => one < windows[axis]!.input + windows[axis]!.after)) padded++;
      if (place.every((one, axis) => one >= 0 && one < windows[axis]!.input)) {
        offsets.push(offsetOf([at[0]!, at[1]!, ...place], strides));
      }
    });
    visit(offsets, padded, index);
  });
}

function poolWith(
  x: HostTensor,
  windows: readonly AxisWindow[],
  value: (elements: readonly number[], padded: number) => number,
): HostTensor {
  const shape = pooledShape(x, windows);
  const data = allocate(x.dtype, elementCount(shape));
  eachWindow(x, windows, (offsets, padded, index) => {
    data[index] = value(offsets.map((offset) => x.data[offset]!), padded);
  });
  return { dtype: x.dtype, shape, data };
}

/** A pool over windows that are small, dense, and each touch at least one element; undefined for others. */
function planesDispatch(
  x: TensorType,
  windows: readonly AxisWindow[],
  kind: BlockKind,
  target: KernelTarget,
): Dispatch | undefined {
  const isDense = windows.every(({ dilation, before, after, kernel }) =>
    dilation === 1 && before < kernel && after < kernel
  );
  const planes = x.shape[0]! * x.shape[1]!;
  const tile = isDense ? blockTile(windows, planes, target) : undefined;
  const block = { kind, windows, planes, multiplier: 1, channels: Math.max(1, x.shape[1]!) };
  return tile && blockDispatch(block, tile, target);
}

interface MaxPoolAttributes extends PoolAttributes {
  readonly wantsIndices: boolean;
  readonly isColumnMajor: boolean;
}

/** What is below every value of a type. */
function lowestOf(dtype: TensorType["dtype"]): number {
  if (isFloat(dtype)) return -3.4028234663852886e38;
  return dtype === "uint8" ? 0 : -128;
}

/** Largest element of every window; where a window holds none but padding, the lowest value. */
const maxPool = defineOp<MaxPoolAttributes>({
  type: "MaxPool",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw: AttributeReader, node: NodeSignature) => ({
    ...poolAttributes(raw),
    wantsIndices: node.outputs[1] === true,
    isColumnMajor: raw.int("storage_order", 0) !== 0,
  }),
  infer: ([x], attributes) => {
    const shape = pooledShape(x!, windowsOf(x!, attributes));
    return [{ dtype: x!.dtype, shape }, { dtype: "int64", shape }];
  },
  lower: ([x], _outputs, attributes, target): Lowering => {
    const windows = windowsOf(x!, attributes);
    const storage: "f32" | "i32" = isFloat(x!.dtype) ? "f32" : "i32";
    const lowest = storage === "f32" ? "-0x1.fffffep+127" : `${lowestOf(x!.dtype)}`;
    const max = (storage === "f32" && planesDispatch(x!, windows, "max", target)) || poolDispatch(x!, windows, 1, {
      storage,
      code: `fn start() -> T { return ${lowest}; }
fn combine(sum: T, value: T, is_first: bool) -> T { return select(sum, value, is_first || value > sum); }
fn result(sum: T, found: u32, padded: u32) -> R { return sum; }`,
    });
    const indices = attributes.wantsIndices ? [indicesDispatch(x!, windows, storage, attributes.isColumnMajor)] : [];
    return { dispatches: [max, ...indices] };
  },
  reference: ([x], attributes) => {
    const windows = windowsOf(x!, attributes);
    const shape = pooledShape(x!, windows);
    const places = new Float64Array(elementCount(shape));
    eachWindow(x!, windows, (offsets, _padded, index) => {
      const best = offsets.reduce((one, other) => x!.data[other]! > x!.data[one]! ? other : one, offsets[0] ?? -1);
      places[index] = attributes.isColumnMajor && best >= 0 ? columnMajor(best, x!.shape.slice(2)) : best;
    });
    const lowest = lowestOf(x!.dtype);
    const largest = poolWith(x!, windows, (elements) => elements.length === 0 ? lowest : Math.max(...elements));
    return [largest, { dtype: "int64", shape, data: places }];
  },
  cases: MAX_POOL_CASES,
});

/** The place that a row-major offset becomes where the spatial axes run the other way round. */
function columnMajor(offset: number, spatial: readonly number[]): number {
  const plane = elementCount(spatial);
  let rest = offset % plane;
  let place = 0;
  let step = plane;
  for (let axis = spatial.length - 1; axis >= 0; axis--) {
    step /= spatial[axis]!;
    place += (rest % spatial[axis]!) * step;
    rest = Math.floor(rest / spatial[axis]!);
  }
  return offset - offset % plane + place;
}

const averagePool = defineOp<PoolAttributes & { readonly countsPadding: boolean }>({
  type: "AveragePool",
  since: 1,
  quant: { kind: "inputs_quantizable" },
  attributes: (raw) => ({ ...poolAttributes(raw), countsPadding: raw.int("count_include_pad", 0) !== 0 }),
  infer: ([x], attributes) => [{ dtype: floatOnly(x!).dtype, shape: pooledShape(x!, windowsOf(x!, attributes)) }],
  lower: ([x], _outputs, attributes, target) => {
    const windows = windowsOf(x!, attributes);
    const { countsPadding } = attributes;
    const average = planesDispatch(x!, windows, countsPadding ? "average_with_padding" : "average", target) ??
      poolDispatch(x!, windows, 1, {
        storage: "f32",
        code: `fn start() -> T { return 0.0; }
fn combine(sum: T, value: T, is_first: bool) -> T { return sum + value; }
fn result(sum: T, found: u32, padded: u32) -> R {
  return sum / f32(max(1u, ${countsPadding ? "padded" : "found"}));
}`,
      });
    return { dispatches: [average] };
  },
  reference: ([x], attributes) => [
    poolWith(
      x!,
      windowsOf(x!, attributes),
      (elements, padded) =>
        elements.reduce((sum, element) => sum + element, 0) /
        Math.max(1, attributes.countsPadding ? padded : elements.length),
    ),
  ],
  cases: AVERAGE_POOL_CASES,
});

const lpPool = defineOp<PoolAttributes & { readonly p: number }>({
  type: "LpPool",
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ ...poolAttributes(raw), p: raw.float("p", 2) }),
  infer: ([x], attributes) => [{ dtype: floatOnly(x!).dtype, shape: pooledShape(x!, windowsOf(x!, attributes)) }],
  lower: ([x], _outputs, attributes) => ({
    dispatches: [poolDispatch(x!, windowsOf(x!, attributes), attributes.p, lpFunctions(attributes.p))],
  }),
  reference: ([x], attributes) => [
    poolWith(
      x!,
      windowsOf(x!, attributes),
      (elements) => elements.reduce((sum, element) => sum + Math.abs(element) ** attributes.p, 0) ** (1 / attributes.p),
    ),
  ],
  cases: LP_POOL_CASES,
});

function lpFunctions(p: number): PoolFunctions {
  const [power, root] = p === 1
    ? ["abs(value)", "sum"]
    : p === 2
    ? ["value * value", "sqrt(sum)"]
    : ["pow(abs(value), params.power)", "pow(sum, 1.0 / params.power)"];
  return {
    storage: "f32",
    code: `fn start() -> T { return 0.0; }
fn combine(sum: T, value: T, is_first: bool) -> T { return sum + ${power}; }
fn result(sum: T, found: u32, padded: u32) -> R { return ${root}; }`,
  };
}

function floatOnly(x: TensorType): TensorType {
  if (!isFloat(x.dtype)) {
    throw new UnsupportedError(`Cannot pool: element type is ${x.dtype}, expected a float type`);
  }
  return x;
}

export const POOL_OPERATORS: readonly OpDef[] = [averagePool, lpPool, maxPool];
