import code from "../../shaders/roi_align.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { allocate, elementCount, formatShape, type HostTensor, isFloat } from "../base/tensor.ts";
import { constantF32, constantI64, f32 } from "./case_types.ts";
import { eachCoordinate } from "./coordinates.ts";
import { placeOf } from "./gather.ts";
import { defineOp, type OpCase } from "./op.ts";
import { MAX_ITERATIONS, nestedIterations } from "./tiles.ts";

type Uniform =
  | "length"
  | "channels"
  | "batches"
  | "height"
  | "width"
  | "out_height"
  | "out_width"
  | "sampling"
  | "most_rows"
  | "most_columns"
  | "scale"
  | "offset";

const shader: Shader<"WORKGROUP_SIZE" | "MAXIMUM" | "HALF_PIXEL", Uniform> = {
  name: "roi_align",
  code,
  constants: ["WORKGROUP_SIZE", "MAXIMUM", "HALF_PIXEL"],
  uniforms: [
    "length",
    "channels",
    "batches",
    "height",
    "width",
    "out_height",
    "out_width",
    "sampling",
    "most_rows",
    "most_columns",
    "scale",
    "offset",
  ],
  epilogue: true,
};

interface RoiAlignAttributes {
  readonly mode: "avg" | "max";
  readonly height: number;
  readonly width: number;
  readonly sampling: number;
  readonly scale: number;
  readonly halfPixel: boolean;
}

/**
 * ONNX RoiAlign: regions of feature maps brought to one size by bilinear samples. The mode `max` takes the largest of
 * the weighted neighbours, as the specification's own evaluator does. Regions that reach far beyond the picture get fewer samples than
 * the specification has, evenly spaced: as many as an invocation can take.
 */
export const roiAlign = defineOp<RoiAlignAttributes>({
  type: "RoiAlign",
  since: 10,
  quant: { kind: "non_quantizable" },
  attributes: (raw, { opset }) => ({
    mode: raw.string("mode", "avg", ["avg", "max"]),
    height: raw.int("output_height", 1),
    width: raw.int("output_width", 1),
    sampling: raw.int("sampling_ratio", 0),
    scale: Math.fround(raw.float("spatial_scale", 1)),
    halfPixel: opset >= 16 && raw.string(
          "coordinate_transformation_mode",
          "half_pixel",
          ["half_pixel", "output_half_pixel"],
        ) === "half_pixel",
  }),
  infer: ([x, rois, batches], { height, width }) => {
    const [xs, rs, bs] = [x!.shape, rois!.shape, batches!.shape];
    if (xs.length !== 4 || rs.length !== 2 || rs[1] !== 4 || bs.length !== 1 || bs[0] !== rs[0]) {
      throw new ModelError(
        `Cannot align regions: input is ${formatShape(xs)}, rois ${formatShape(rs)} and batch_indices ${
          formatShape(bs)
        }, expected ranks 4, 2 and 1`,
      );
    }
    if (!isFloat(x!.dtype)) throw new UnsupportedError(`Cannot align regions: input is ${x!.dtype}, expected float`);
    return [{ dtype: x!.dtype, shape: [rs[0]!, xs[1]!, height, width] }];
  },
  lower: ([x], [y], { mode, height, width, sampling, scale, halfPixel }) => {
    const length = elementCount(y!.shape);
    if (length === 0) return { dispatches: [] };
    const [batches, channels, h, w] = x!.shape;
    const samples = sampling > 0 ? [sampling, sampling] : [Math.ceil(h! / height), Math.ceil(w! / width)];
    if (nestedIterations(samples) > MAX_ITERATIONS) {
      throw new UnsupportedError(
        `Cannot align regions: a bin may take ${samples.join("x")} samples, more than ${MAX_ITERATIONS} iterations`,
      );
    }
    const [mostRows, mostColumns] = samples as [number, number];
    const spare = Math.floor(Math.sqrt(MAX_ITERATIONS / nestedIterations(samples)));
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "x2", "y0"],
        constants: { WORKGROUP_SIZE, MAXIMUM: mode === "max", HALF_PIXEL: halfPixel },
        uniforms: {
          length,
          channels: channels!,
          batches: batches!,
          height: h!,
          width: w!,
          out_height: height,
          out_width: width,
          sampling,
          most_rows: mostRows * spare,
          most_columns: mostColumns * spare,
          scale,
          offset: halfPixel ? 0.5 : 0,
        },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: ([x, rois, batches], attributes) => [alignReference(x!, rois!, batches!, attributes)],
  cases: alignCases(),
});

function alignReference(
  x: HostTensor,
  rois: HostTensor,
  batches: HostTensor,
  { mode, height, width, sampling, scale, halfPixel }: RoiAlignAttributes,
): HostTensor {
  const [, channels, h, w] = x.shape as [number, number, number, number];
  const shape = [rois.shape[0]!, channels, height, width];
  const data = allocate(x.dtype, elementCount(shape));
  eachCoordinate(shape, ([region, channel, row, column], index) => {
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map((place) =>
      rois.data[region! * 4 + place]! * scale - (halfPixel ? 0.5 : 0)
    ) as [number, number, number, number];
    const least = halfPixel ? -Infinity : 1;
    const binHeight = Math.max(y2 - y1, least) / height;
    const binWidth = Math.max(x2 - x1, least) / width;
    const base = (placeOf(batches.data[region!]!, x.shape[0]!) * channels + channel!) * h * w;
    const samples: number[][] = [];
    for (const v of lattice(y1 + row! * binHeight, binHeight, sampling)) {
      for (const u of lattice(x1 + column! * binWidth, binWidth, sampling)) {
        samples.push(bilinear(x, base, h, w, v, u));
      }
    }
    const sum = samples.flat().reduce((total, part) => total + part, 0);
    data[index] = mode === "max"
      ? Math.max(...samples.flat(), ...(samples.length ? [] : [0]))
      : sum / (samples.length || 1);
  });
  return { dtype: x.dtype, shape, data };
}

/** Centres of the parts that a bin is divided into along one axis. */
function lattice(start: number, bin: number, sampling: number): number[] {
  const count = sampling > 0 ? sampling : Math.max(Math.ceil(bin), 0);
  return Array.from({ length: count }, (_, part) => start + (part + 0.5) * bin / count);
}

/** The four weighted neighbours of a point; zeros more than one element outside. */
function bilinear(x: HostTensor, base: number, height: number, width: number, v: number, u: number): number[] {
  if (v < -1 || v > height || u < -1 || u > width) return [0, 0, 0, 0];
  const [row, column] = [Math.min(Math.max(v, 0), height - 1), Math.min(Math.max(u, 0), width - 1)];
  return [Math.floor(row), Math.floor(row) + 1].flatMap((r) =>
    [Math.floor(column), Math.floor(column) + 1].map((c) => {
      const weight = Math.max(1 - Math.abs(row - r), 0) * Math.max(1 - Math.abs(column - c), 0);
      return weight === 0 ? 0 : weight * x.data[base + r * width + c]!;
    })
  );
}

function alignCases(): OpCase[] {
  const inputs = [
    f32(2, 3, 9, 11),
    constantF32([0, 0, 9, 8, 1.5, 2.5, 4.2, 7.1, -3, -2, 14, 12, 5, 5, 5.2, 5.1], [4, 4]),
    constantI64([0, 1, 1, 0]),
  ];
  const tolerance = { absolute: 1e-4, relative: 1e-4, reason: "sums of samples at single-precision places" } as const;
  return (["avg", "max"] as const).flatMap((mode): OpCase[] => [
    { name: `${mode}, adaptive`, inputs, attributes: { mode, output_height: 3, output_width: 2 }, tolerance },
    {
      name: `${mode}, sampling ratio, scale`,
      inputs,
      attributes: { mode, output_height: 2, output_width: 3, sampling_ratio: 2, spatial_scale: 0.5 },
      tolerance,
    },
    {
      name: `${mode}, output_half_pixel`,
      inputs,
      attributes: { mode, output_height: 2, output_width: 2, coordinate_transformation_mode: "output_half_pixel" },
      tolerance,
    },
  ]).concat([{ name: "opset 10", inputs, opset: 10, tolerance }]);
}
