/** The kernel and the plain loops behind Pad and CenterCropPad. */
import code from "../../shaders/pad.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { stridesOf } from "../base/shape.ts";
import { allocate, elementCount, formatShape, type HostTensor, type TensorType } from "../base/tensor.ts";
import { wordOf } from "./constant_operand.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "RANK" | "MODE" | "CHUNK",
  "invocations" | "chunks" | "offset" | "value" | "shape" | "extents" | "before" | "strides"
> = {
  name: "pad",
  code,
  constants: ["WORKGROUP_SIZE", "RANK", "MODE", "CHUNK"],
  uniforms: ["invocations", "chunks", "offset", "value", "shape", "extents", "before", "strides"],
};

const RANKS = [2, 4, 8] as const;

/** Neighbours along the innermost axis that one invocation writes. */
const CHUNK = 4;

/** What padded places hold; the number is the kernel's. */
export const PAD_MODES = { constant: 0, reflect: 1, edge: 2, wrap: 3 } as const;
export type PadMode = keyof typeof PAD_MODES;

/** Elements added before and after an axis; removed where negative. */
export interface AxisPads {
  readonly before: number;
  readonly after: number;
}

/** Shape after padding; throws where more is removed than there is, or padding has nothing to repeat. */
export function paddedShape(shape: readonly number[], pads: readonly AxisPads[], mode: PadMode): number[] {
  return shape.map((extent, axis) => {
    const { before, after } = pads[axis]!;
    const padded = extent + before + after;
    const kept = extent + Math.min(before, 0) + Math.min(after, 0);
    if (kept < 0 || (mode !== "constant" && kept === 0 && padded > 0)) {
      throw new ModelError(
        `Cannot pad: axis ${axis} of ${formatShape(shape)} has pads ${before} and ${after} in mode ${mode}`,
      );
    }
    return padded;
  });
}

interface PadAxis {
  readonly extent: number;
  readonly stride: number;
  readonly before: number;
  readonly after: number;
}

/** Pads `x0` into `y0`. */
export function padDispatches(x: TensorType, pads: readonly AxisPads[], mode: PadMode, value: number): Dispatch[] {
  const axes = mergeUnpadded(x.shape, pads);
  const rank = RANKS.find((candidate) => candidate >= axes.length);
  if (rank === undefined) {
    throw new UnsupportedError(`Cannot pad: ${axes.length} axes are left, expected at most ${RANKS.at(-1)}`);
  }
  while (axes.length < rank) axes.unshift({ extent: 1, stride: 0, before: 0, after: 0 });
  const shape = axes.map(({ extent, before, after }) => extent + before + after);
  const length = elementCount(shape);
  if (length === 0) return [];
  const inner = shape[rank - 1]!;
  const chunks = Math.ceil(inner / CHUNK);
  const invocations = length / inner * chunks;
  return [dispatch(shader, {
    bindings: ["x0", "y0"],
    constants: { WORKGROUP_SIZE, RANK: rank, MODE: PAD_MODES[mode], CHUNK },
    uniforms: {
      invocations,
      chunks,
      offset: axes.reduce((sum, { before, stride }) => sum + Math.max(-before, 0) * stride, 0),
      value: wordOf(x.dtype, value),
      shape,
      extents: axes.map(({ extent, before, after }) => extent + Math.min(before, 0) + Math.min(after, 0)),
      before: axes.map(({ before }) => Math.max(before, 0)),
      strides: axes.map(({ stride }) => stride),
    },
    workgroups: linearGrid(invocations, WORKGROUP_SIZE),
  })];
}

function mergeUnpadded(shape: readonly number[], pads: readonly AxisPads[]): PadAxis[] {
  const strides = stridesOf(shape);
  const merged: PadAxis[] = [];
  shape.forEach((extent, place) => {
    const axis = { extent, stride: strides[place]!, ...pads[place]! };
    const outer = merged.at(-1);
    const untouched = (one: AxisPads | undefined) => one?.before === 0 && one.after === 0;
    if (outer && untouched(outer) && untouched(axis)) {
      merged[merged.length - 1] = { ...axis, extent: outer.extent * extent };
    } else {
      merged.push(axis);
    }
  });
  return merged;
}

/** Crops by the negative pads, then pads what is left. */
export function padReference(x: HostTensor, pads: readonly AxisPads[], mode: PadMode, value: number): HostTensor {
  const shape = paddedShape(x.shape, pads, mode);
  const data = allocate(x.dtype, elementCount(shape));
  const strides = stridesOf(x.shape);
  eachCoordinate(shape, (at, index) => {
    const source = at.map((place, axis) => {
      const { before, after } = pads[axis]!;
      const cut = Math.max(-before, 0);
      const kept = x.shape[axis]! - cut - Math.max(-after, 0);
      const found = sourcePlace(place - Math.max(before, 0), kept, mode);
      return found === undefined ? undefined : cut + found;
    });
    data[index] = source.every((place) => place !== undefined) ? x.data[offsetOf(source, strides)]! : value;
  });
  return { dtype: x.dtype, shape, data };
}

/** Walks back into the axis one reflection or turn at a time; undefined outside it in constant mode. */
function sourcePlace(place: number, extent: number, mode: PadMode): number | undefined {
  let at = place;
  while (at < 0 || at >= extent) {
    if (mode === "constant") return undefined;
    if (mode === "edge") return at < 0 ? 0 : extent - 1;
    if (mode === "wrap") at += at < 0 ? extent : -extent;
    else if (extent === 1) return 0;
    else at = at < 0 ? -at : 2 * (extent - 1) - at;
  }
  return at;
}
