/** The operators that move blocks between channels and space. */
import { ModelError } from "../base/errors.ts";
import { stridesOf } from "../base/shape.ts";
import { formatShape } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { knownOperands } from "./constant_operand.ts";
import { pick } from "./coordinates.ts";
import { defineOp, type OpDef } from "./op.ts";
import { stridedCopy } from "./strided_copy.ts";

interface DepthToSpaceAttributes {
  readonly block: number;
  /** Which runs first in the channels: the block's place (DCR) or the channel (CRD). */
  readonly mode: "DCR" | "CRD";
}

function imageOf(shape: readonly number[]): [number, number, number, number] {
  if (shape.length !== 4) throw new ModelError(`Cannot move blocks: input is ${formatShape(shape)}, expected rank 4`);
  return shape as unknown as [number, number, number, number];
}

function checkBlock(block: number, extents: readonly number[], unit: number): void {
  if (block < 1 || extents.some((extent) => extent % unit !== 0)) {
    throw new ModelError(
      `Cannot move blocks: blocksize is ${block}, expected one that divides ${formatShape(extents)}`,
    );
  }
}

const inferDepthToSpace: OpDef<DepthToSpaceAttributes>["infer"] = ([x], { block }) => {
  const [n, c, h, w] = imageOf(x!.shape);
  checkBlock(block, [c], block * block);
  return [{ dtype: x!.dtype, shape: [n, c / (block * block), h * block, w * block] }];
};

/** ONNX DepthToSpace: every `block * block` channels become one of that many times the area. */
export const depthToSpace = defineOp<DepthToSpaceAttributes>({
  type: "DepthToSpace",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw) => ({ block: raw.int("blocksize", 0), mode: raw.string("mode", "DCR", ["DCR", "CRD"]) }),
  infer: inferDepthToSpace,
  lower: ([x], [y], { block, mode }) => {
    const [n, , h, w] = imageOf(x!.shape);
    const channels = y!.shape[1]!;
    const [batch, first, second, third, row, column] = stridesOf(
      mode === "DCR" ? [n, block, block, channels, h, w] : [n, channels, block, block, h, w],
    ) as [number, number, number, number, number, number];
    const [channel, down, across] = mode === "DCR" ? [third, first, second] : [first, second, third];
    const walked = [n, channels, h, block, w, block];
    return {
      dispatches: stridedCopy(
        walked,
        { slot: "x0", strides: [batch, channel, row, down, column, across] },
        { slot: "y0", strides: stridesOf(walked) },
      ),
    };
  },
  reference: (inputs, attributes) => {
    const { shape } = inferDepthToSpace(knownOperands(inputs), attributes)[0]!;
    const { block, mode } = attributes;
    return [pick(inputs[0]!, shape, ([n, c, y, x]) => {
      const place = (y! % block) * block + x! % block;
      const channel = mode === "DCR" ? place * shape[1]! + c! : c! * block * block + place;
      return [n!, channel, Math.floor(y! / block), Math.floor(x! / block)];
    })];
  },
  cases: (["DCR", "CRD"] as const).flatMap((mode) => [
    { name: `${mode}, block 2`, inputs: [f32(2, 12, 3, 5)], attributes: { blocksize: 2, mode } },
    { name: `${mode}, block 3`, inputs: [f32(1, 9, 2, 4)], attributes: { blocksize: 3, mode } },
  ]).concat([{ name: "block 1", inputs: [f32(1, 3, 2, 4)], attributes: { blocksize: 1, mode: "DCR" } }]),
});

const inferSpaceToDepth: OpDef<DepthToSpaceAttributes>["infer"] = ([x], { block }) => {
  const [n, c, h, w] = imageOf(x!.shape);
  checkBlock(block, [h, w], block);
  return [{ dtype: x!.dtype, shape: [n, c * block * block, h / block, w / block] }];
};

/** ONNX SpaceToDepth: the inverse of DepthToSpace in the same mode, which before opset 28 is DCR. */
export const spaceToDepth = defineOp<DepthToSpaceAttributes>({
  type: "SpaceToDepth",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw) => ({ block: raw.int("blocksize", 0), mode: raw.string("mode", "DCR", ["DCR", "CRD"]) }),
  infer: inferSpaceToDepth,
  lower: ([x], [y], { block, mode }) => {
    const [n, c] = imageOf(x!.shape);
    const [, , h, w] = imageOf(y!.shape);
    const [batch, channel, row, down, column, across] = stridesOf([n, c, h, block, w, block]) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const inDcr = mode === "DCR";
    const walked = inDcr ? [n, block, block, c, h, w] : [n, c, block, block, h, w];
    const strides = inDcr ? [batch, down, across, channel, row, column] : [batch, channel, down, across, row, column];
    return {
      dispatches: stridedCopy(walked, { slot: "x0", strides }, { slot: "y0", strides: stridesOf(walked) }),
    };
  },
  reference: (inputs, attributes) => {
    const x = inputs[0]!;
    const { block, mode } = attributes;
    const { shape } = inferSpaceToDepth(knownOperands(inputs), attributes)[0]!;
    const channels = x.shape[1]!;
    return [pick(x, shape, ([n, c, row, column]) => {
      const place = mode === "DCR" ? Math.floor(c! / channels) : c! % (block * block);
      const channel = mode === "DCR" ? c! % channels : Math.floor(c! / (block * block));
      return [n!, channel, row! * block + Math.floor(place / block), column! * block + place % block];
    })];
  },
  cases: [
    { name: "block 2", inputs: [f32(2, 3, 4, 6)], attributes: { blocksize: 2 } },
    { name: "block 3, vectors", inputs: [f32(1, 2, 3, 12)], attributes: { blocksize: 3 } },
    { name: "CRD, block 2", inputs: [f32(2, 3, 4, 6)], attributes: { blocksize: 2, mode: "CRD" } },
  ],
});
