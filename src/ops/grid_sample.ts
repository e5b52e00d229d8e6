import code from "../../shaders/grid_sample.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { stridesOf } from "../base/shape.ts";
import { allocate, elementCount, formatShape, type HostTensor, isFloat } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { defineOp, type OpCase } from "./op.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "DIMS" | "MODE" | "PADDING" | "ALIGN_CORNERS",
  "length" | "channels" | "points" | "extents"
> = {
  name: "grid_sample",
  code,
  constants: ["WORKGROUP_SIZE", "DIMS", "MODE", "PADDING", "ALIGN_CORNERS"],
  uniforms: ["length", "channels", "points", "extents"],
  epilogue: true,
};

const MODES = { nearest: 0, linear: 1, cubic: 2 } as const;
const PADDINGS = { zeros: 0, border: 1, reflection: 2 } as const;

interface GridSampleAttributes {
  readonly mode: keyof typeof MODES;
  readonly padding: keyof typeof PADDINGS;
  readonly alignCorners: boolean;
}

/** ONNX GridSample: an image or volume sampled at points whose coordinates run from -1 to 1. */
export const gridSample = defineOp<GridSampleAttributes>({
  type: "GridSample",
  since: 16,
  quant: { kind: "non_quantizable" },
  attributes: (raw, { opset }) => ({
    mode: opset < 20
      ? ({ bilinear: "linear", nearest: "nearest", bicubic: "cubic" } as const)[
        raw.string("mode", "bilinear", ["bilinear", "nearest", "bicubic"])
      ]
      : raw.string("mode", "linear", ["linear", "nearest", "cubic"]),
    padding: raw.string("padding_mode", "zeros", ["zeros", "border", "reflection"]),
    alignCorners: raw.int("align_corners", 0) !== 0,
  }),
  infer: ([x, grid]) => {
    const rank = x!.shape.length;
    const dims = rank - 2;
    if (rank !== grid!.shape.length || grid!.shape.at(-1) !== dims || grid!.shape[0] !== x!.shape[0]) {
      throw new ModelError(
        `Cannot sample: input is ${formatShape(x!.shape)} and grid ${formatShape(grid!.shape)}, expected points of ` +
          `${dims} coordinates for every sample`,
      );
    }
    if (dims < 2 || dims > 3) throw new UnsupportedError(`Cannot sample: input has rank ${rank}, expected 4 or 5`);
    if (!isFloat(x!.dtype)) throw new UnsupportedError(`Cannot sample: input is ${x!.dtype}, expected float`);
    return [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, 2), ...grid!.shape.slice(1, -1)] }];
  },
  lower: ([x], [y], { mode, padding, alignCorners }) => {
    const length = elementCount(y!.shape);
    const dims = x!.shape.length - 2;
    if (length === 0) return { dispatches: [] };
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "y0"],
        constants: {
          WORKGROUP_SIZE,
          DIMS: dims,
          MODE: MODES[mode],
          PADDING: PADDINGS[padding],
          ALIGN_CORNERS: alignCorners,
        },
        uniforms: {
          length,
          channels: x!.shape[1]!,
          points: elementCount(y!.shape.slice(2)),
          extents: dims === 2 ? [1, ...x!.shape.slice(2)] : x!.shape.slice(2),
        },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: ([x, grid], attributes) => [sampleReference(x!, grid!, attributes)],
  cases: sampleCases(),
});

function sampleReference(x: HostTensor, grid: HostTensor, attributes: GridSampleAttributes): HostTensor {
  const extents = x.shape.slice(2);
  const shape = [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)];
  const data = allocate(x.dtype, elementCount(shape));
  const points = elementCount(shape.slice(2));
  const strides = stridesOf(x.shape);
  eachCoordinate(shape, ([batch, channel], index) => {
    const point = (batch! * points + index % points) * extents.length;
    let terms = [{ offset: batch! * strides[0]! + channel! * strides[1]!, weight: 1 }];
    extents.forEach((extent, axis) => {
      const along = neighbours(grid.data[point + extents.length - 1 - axis]!, extent, attributes);
      terms = terms.flatMap((term) =>
        along.map(({ place, weight }) => ({
          offset: offsetOf([1, place], [term.offset, strides[axis + 2]!]),
          weight: term.weight * weight,
        }))
      );
    });
    data[index] = terms.reduce((sum, { offset, weight }) => sum + weight * x.data[offset]!, 0);
  });
  return { dtype: x.dtype, shape, data };
}

/** Elements along one axis that a normalized coordinate takes from, and how much of each. */
function neighbours(normalized: number, extent: number, { mode, padding, alignCorners }: GridSampleAttributes) {
  const f = Math.fround;
  const [low, high] = alignCorners ? [0, extent - 1] : [-0.5, extent - 0.5];
  let v = alignCorners ? f(f(f(normalized + 1) / 2) * (extent - 1)) : f(f(f(f(normalized + 1) * extent) - 1) / 2);
  if (mode === "nearest") v = roundHalfToEven(v);
  const reach = mode === "nearest" ? 0 : mode === "linear" ? 1 : 2;
  const first = mode === "nearest" ? Math.trunc(v) : Math.floor(v) - reach + 1;
  return Array.from({ length: Math.max(2 * reach, 1) }, (_, tap) => first + tap).flatMap((place) => {
    const weight = mode === "nearest" ? 1 : mode === "linear" ? Math.max(1 - Math.abs(place - v), 0) : keys(place - v);
    if (padding === "zeros") return place >= 0 && place < extent ? [{ place, weight }] : [];
    const inside = padding === "border" ? place : Math.trunc(mirrored(place, low, high));
    return [{ place: Math.min(Math.max(inside, 0), extent - 1), weight }];
  });
}

function mirrored(v: number, low: number, high: number): number {
  if (low === high) return 0;
  let inside = v;
  while (inside < low || inside > high) inside = inside < low ? 2 * low - inside : 2 * high - inside;
  return inside;
}

function roundHalfToEven(v: number): number {
  const below = Math.floor(v);
  return v - below === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(v);
}

/** Cubic convolution kernel of Keys with parameter -0.75. */
function keys(x: number): number {
  const [a, d] = [-0.75, Math.abs(x)];
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

function sampleCases(): OpCase[] {
  const tolerance = {
    absolute: 2e-5,
    relative: 2e-5,
    reason: "coordinates and weights are computed in single precision",
  } as const;
  const image = [f32(2, 3, 5, 7), f32(2, 4, 3, 2)];
  const volume = [f32(2, 2, 3, 4, 5), f32(2, 3, 2, 3, 3)];
  return (["nearest", "linear", "cubic"] as const).flatMap((mode): OpCase[] => [
    ...(["zeros", "border", "reflection"] as const).flatMap((padding_mode) =>
      [0, 1].map((align_corners): OpCase => ({
        name: `${mode}, ${padding_mode}, align_corners ${align_corners}`,
        inputs: image,
        attributes: { mode, padding_mode, align_corners },
        range: [-1.7, 1.7],
        ...(mode === "nearest" ? {} : { tolerance }),
      }))
    ),
    { name: `${mode}, volume`, inputs: volume, attributes: { mode }, range: [-1.2, 1.2], tolerance },
    {
      name: `${mode}, extent 1, far outside`,
      inputs: [f32(1, 1, 1, 6), f32(1, 5, 3, 2)],
      attributes: { mode, padding_mode: "reflection", align_corners: 1 },
      tolerance,
    },
  ]).concat([
    { name: "opset 16", inputs: image, attributes: { mode: "bicubic" }, range: [-1, 1], opset: 16, tolerance },
    { name: "no point", inputs: [f32(1, 1, 2, 2), f32(1, 0, 3, 2)], tolerance },
  ]);
}
