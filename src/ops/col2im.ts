import code from "../../shaders/col2im.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { allocate, elementCount, formatShape, isFloat, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { eachCoordinate } from "./coordinates.ts";
import { defineOp, type OpDef, type Operands } from "./op.ts";
import { perAxis, reach } from "./sliding_window.ts";

const shader: Shader<
  "WORKGROUP_SIZE",
  "length" | "image" | "block" | "columns" | "strides" | "dilations" | "pads"
> = {
  name: "col2im",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "image", "block", "columns", "strides", "dilations", "pads"],
  epilogue: true,
};

/** Spatial axes of the kernel, and its longest loop. */
const MAX_AXES = 3;
const MAX_BLOCK = 50000;

interface Col2ImAttributes {
  readonly strides: readonly number[] | undefined;
  readonly dilations: readonly number[] | undefined;
  readonly pads: readonly number[] | undefined;
}

/** One spatial axis; `columns` counts the places of the block along it. */
interface Axis {
  readonly image: number;
  readonly block: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly columns: number;
}

function axesOf([, imageInput, blockInput]: Operands<TensorType>, attributes: Col2ImAttributes): Axis[] {
  const image = constantOf(imageInput!, "image_shape");
  const rank = image.length;
  const block = perAxis("block_shape", constantOf(blockInput!, "block_shape"), rank, 1, 1);
  const strides = perAxis("strides", attributes.strides, rank, 1, 1);
  const dilations = perAxis("dilations", attributes.dilations, rank, 1, 1);
  const pads = perAxis("pads", attributes.pads, 2 * rank, 0, 0);
  if (rank > MAX_AXES || elementCount(block) > MAX_BLOCK) {
    throw new UnsupportedError(
      `Cannot assemble image: block_shape is ${
        formatShape(block)
      }, expected at most ${MAX_AXES} axes and ${MAX_BLOCK} ` +
        "elements",
    );
  }
  return image.map((extent, axis) => {
    const padded = extent + pads[axis]! + pads[rank + axis]!;
    const columns = Math.floor((padded - reach(block[axis]!, dilations[axis]!)) / strides[axis]!) + 1;
    return {
      image: extent,
      block: block[axis]!,
      stride: strides[axis]!,
      dilation: dilations[axis]!,
      before: pads[axis]!,
      columns: Math.max(columns, 0),
    };
  });
}

const infer: OpDef<Col2ImAttributes>["infer"] = (inputs, attributes) => {
  const { dtype, shape } = inputs[0]!;
  const axes = axesOf(inputs, attributes);
  const block = elementCount(axes.map((axis) => axis.block));
  const columns = elementCount(axes.map((axis) => axis.columns));
  if (!isFloat(dtype)) throw new UnsupportedError(`Cannot assemble image: input is ${dtype}, expected float`);
  if (shape.length !== 3 || shape[1]! % block !== 0 || shape[2] !== columns) {
    throw new ModelError(
      `Cannot assemble image: input is ${formatShape(shape)}, expected [batch, channels * ${block}, ${columns}]`,
    );
  }
  return [{ dtype, shape: [shape[0]!, shape[1]! / block, ...axes.map((axis) => axis.image)] }];
};

/** ONNX Col2Im: sums the columns of sliding blocks back into an image. */
export const col2Im = defineOp<Col2ImAttributes>({
  type: "Col2Im",
  since: 18,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({
    strides: raw.numbers("strides"),
    dilations: raw.numbers("dilations"),
    pads: raw.numbers("pads"),
  }),
  infer,
  lower: (inputs, [y], attributes) => {
    const axes = axesOf(inputs, attributes);
    const none: Axis = { image: 1, block: 1, stride: 1, dilation: 1, before: 0, columns: 1 };
    while (axes.length < MAX_AXES) axes.unshift(none);
    const length = elementCount(y!.shape);
    if (length === 0) return { dispatches: [] };
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: {
          length,
          image: axes.map((axis) => axis.image),
          block: axes.map((axis) => axis.block),
          columns: axes.map((axis) => axis.columns),
          strides: axes.map((axis) => axis.stride),
          dilations: axes.map((axis) => axis.dilation),
          pads: axes.map((axis) => axis.before),
        },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: (inputs, attributes) => {
    const x = inputs[0]!;
    const known = knownOperands(inputs);
    const axes = axesOf(known, attributes);
    const [{ dtype, shape }] = infer(known, attributes) as [TensorType];
    const sums = new Float64Array(elementCount(shape));
    const walked = [shape[0]! * shape[1]!, ...axes.map((axis) => axis.block), ...axes.map((axis) => axis.columns)];
    eachCoordinate(walked, ([plane, ...at], index) => {
      const places = axes.map(({ stride, dilation, before }, axis) =>
        at[axes.length + axis]! * stride + at[axis]! * dilation - before
      );
      if (places.some((place, axis) => place < 0 || place >= axes[axis]!.image)) return;
      const target = places.reduce((offset, place, axis) => offset * axes[axis]!.image + place, plane!);
      sums[target] = sums[target]! + x.data[index]!;
    });
    const data = allocate(dtype, sums.length);
    data.set(sums);
    return [{ dtype, shape, data }];
  },
  cases: [
    { name: "blocks side by side", inputs: [f32(2, 3 * 5, 5), constantI64([5, 5]), constantI64([1, 5])] },
    {
      name: "strides, dilations, pads",
      inputs: [f32(1, 2 * 6, 12), constantI64([6, 7]), constantI64([2, 3])],
      attributes: { strides: [2, 2], dilations: [3, 1], pads: [1, 1, 2, 1] },
    },
    { name: "one axis", inputs: [f32(1, 3, 6), constantI64([8]), constantI64([3])] },
    { name: "volume", inputs: [f32(1, 8, 12), constantI64([3, 4, 3]), constantI64([2, 2, 2])] },
  ].map((one) => ({ ...one, tolerance: { absolute: 1e-5, reason: "sums in single precision" } })),
});
