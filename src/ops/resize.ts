/** Resize, and Upsample, its name before opset 10. */
import { ModelError } from "../base/errors.ts";
import type { TensorType } from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";
import { constantF32, constantI64, f32 } from "./case_types.ts";
import { knownOperands } from "./constant_operand.ts";
import { defineOp, type OpCase, type OpDef, type Operands } from "./op.ts";
import {
  type AspectPolicy,
  COORDINATE_MODES,
  type CoordinateMode,
  givenValues,
  type NearestMode,
  resizeAxes,
  type ResizeAxis,
} from "./resize_axes.ts";
import { lowerResize, type ResizeSettings } from "./resize_dispatches.ts";
import { resizeReference } from "./resize_reference.ts";

interface ResizeAttributes {
  readonly settings: ResizeSettings;
  readonly axes: readonly number[] | undefined;
  readonly policy: AspectPolicy;
  /** Scales of Upsample before opset 9. */
  readonly scales: readonly number[] | undefined;
  /** Places of the operands; those of opset 10 and before have no region and no sizes. */
  readonly operands: { readonly roi?: number; readonly scales: number; readonly sizes?: number };
}

const MODES = ["nearest", "linear", "cubic"] as const;

function defineResize(
  definition: Pick<OpDef<ResizeAttributes>, "type" | "since" | "attributes" | "cases">,
): OpDef {
  return defineOp<ResizeAttributes>({
    ...definition,
    quant: { kind: "inputs_quantizable", inputs: [0] },
    infer: (inputs, attributes) => [{
      dtype: inputs[0]!.dtype,
      shape: axesOf(inputs, attributes).map((axis) => axis.size),
    }],
    lower: (inputs, _outputs, attributes) => lowerResize(inputs[0]!, axesOf(inputs, attributes), attributes.settings),
    reference: (inputs, attributes) => [
      resizeReference(inputs[0]!, axesOf(knownOperands(inputs), attributes), attributes.settings),
    ],
  });
}

function axesOf(
  inputs: Operands<TensorType>,
  { settings, operands, scales, axes, policy }: ResizeAttributes,
): ResizeAxis[] {
  const given = (place: number | undefined, name: string) =>
    place === undefined ? undefined : givenValues(inputs[place], name);
  return resizeAxes(inputs[0]!.shape, {
    scales: scales ?? given(operands.scales, "scales"),
    sizes: given(operands.sizes, "sizes"),
    roi: given(operands.roi, "roi"),
    axes,
    policy,
    exactSteps: settings.mode !== "nearest" || settings.nearestMode.startsWith("round"),
  });
}

/** What opsets before 11 do: no choice but the mode. */
function simpleAttributes(raw: AttributeReader, scales: readonly number[] | undefined): ResizeAttributes {
  return {
    settings: {
      mode: raw.string("mode", "nearest", ["nearest", "linear"]),
      coordinates: "asymmetric",
      nearestMode: "simple",
      cubic: 0,
      excludeOutside: false,
      extrapolation: 0,
      antialias: false,
    },
    axes: undefined,
    policy: "stretch",
    scales,
    operands: { scales: 1 },
  };
}

/** ONNX Resize since opset 11, with all its modes. */
const resize = defineResize({
  type: "Resize",
  since: 11,
  attributes: (raw) => ({
    settings: {
      mode: raw.string("mode", "nearest", MODES),
      coordinates: raw.string<CoordinateMode>("coordinate_transformation_mode", "half_pixel", COORDINATE_MODES),
      nearestMode: raw.string<NearestMode>("nearest_mode", "round_prefer_floor", [
        "round_prefer_floor",
        "round_prefer_ceil",
        "floor",
        "ceil",
      ]),
      cubic: Math.fround(raw.float("cubic_coeff_a", -0.75)),
      excludeOutside: raw.int("exclude_outside", 0) !== 0,
      extrapolation: Math.fround(raw.float("extrapolation_value", 0)),
      antialias: raw.int("antialias", 0) !== 0,
    },
    axes: raw.numbers("axes"),
    policy: raw.string<AspectPolicy>("keep_aspect_ratio_policy", "stretch", ["stretch", "not_larger", "not_smaller"]),
    scales: undefined,
    operands: { roi: 1, scales: 2, sizes: 3 },
  }),
  cases: resizeCases(),
});

/** ONNX Resize of opset 10: nearest and linear by scales alone. */
const resize10 = defineResize({
  type: "Resize",
  since: 10,
  attributes: (raw) => simpleAttributes(raw, undefined),
  cases: [
    { name: "nearest", inputs: [f32(1, 2, 3, 5), constantF32([1, 1, 2, 0.6])], opset: 10 },
    {
      name: "linear",
      inputs: [f32(1, 2, 3, 5), constantF32([1, 1, 2, 3])],
      attributes: { mode: "linear" },
      opset: 10,
      tolerance: tolerance(),
    },
  ],
});

/** ONNX Upsample: Resize of opset 10 under its former name; scales are an attribute before opset 9. */
const upsample = defineResize({
  type: "Upsample",
  since: 7,
  attributes: (raw, { opset }) => {
    const scales = opset < 9 ? raw.numbers("scales") : undefined;
    if (opset < 9 && !scales) throw new ModelError(`Cannot use attributes: "scales" is missing`);
    return simpleAttributes(raw, scales);
  },
  cases: [
    { name: "nearest", inputs: [f32(2, 3, 4, 5), constantF32([1, 1, 2, 3])], opset: 9 },
    {
      name: "linear, scales as attribute",
      inputs: [f32(1, 2, 3, 4)],
      attributes: { mode: "linear", scales: [1, 1, 2, 2.5] },
      opset: 7,
      tolerance: tolerance(),
    },
  ],
});

export const RESIZE_OPERATORS: readonly OpDef[] = [resize, resize10, upsample];

function tolerance() {
  return {
    relative: 1e-5,
    absolute: 1e-5,
    reason: "coordinates and weights are computed in single precision",
  } as const;
}

function resizeCases(): OpCase[] {
  const image = f32(2, 3, 5, 7);
  const bySizes = (sizes: readonly number[], roi?: readonly number[]) => [
    image,
    roi && constantF32(roi),
    undefined,
    constantI64(sizes),
  ];
  const byScales = (scales: readonly number[]) => [image, undefined, constantF32(scales)];
  const blended = (mode: string, name: string, inputs: OpCase["inputs"], attributes = {}): OpCase => ({
    name: `${mode}, ${name}`,
    inputs,
    attributes: { mode, ...attributes },
    tolerance: tolerance(),
  });
  const plainModes = COORDINATE_MODES.filter((mode) => mode !== "tf_crop_and_resize");
  const region = [0, 0, 0.2, -0.3, 1, 1, 1.1, 1.2];
  const crop = { coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 7.5 };
  return [
    { name: "nearest doubles", inputs: byScales([1, 1, 2, 2]) },
    { name: "nearest, int64", inputs: [{ dtype: "int64", shape: [3, 2] }, undefined, constantF32([2, 3])] },
    ...["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"].flatMap((nearest_mode) =>
      plainModes.map((mode): OpCase => ({
        name: `nearest, ${nearest_mode}, ${mode}`,
        inputs: bySizes([2, 3, 8, 4]),
        attributes: { nearest_mode, coordinate_transformation_mode: mode },
      }))
    ),
    { name: "nearest, crop", inputs: bySizes([2, 3, 4, 6], region), attributes: crop },
    ...["linear", "cubic"].flatMap((mode) => [
      ...plainModes.map((coordinates) =>
        blended(mode, coordinates, bySizes([2, 3, 8, 4]), { coordinate_transformation_mode: coordinates })
      ),
      blended(mode, "crop", bySizes([2, 3, 4, 6], region), crop),
      blended(mode, "crop to one element", bySizes([2, 3, 1, 1], region), crop),
      blended(mode, "fractional scales", byScales([1, 1, 1.3, 0.6])),
      blended(mode, "fractional scales, corners aligned", byScales([1, 1, 1.3, 0.6]), {
        coordinate_transformation_mode: "align_corners",
      }),
      blended(mode, "to one element", bySizes([2, 3, 1, 1]), { coordinate_transformation_mode: "pytorch_half_pixel" }),
      blended(mode, "outside excluded", bySizes([2, 3, 9, 3]), { exclude_outside: 1 }),
      blended(mode, "antialiased", bySizes([2, 3, 2, 3]), { antialias: 1 }),
      blended(mode, "antialiased, outside excluded", bySizes([2, 3, 9, 3]), { antialias: 1, exclude_outside: 1 }),
      blended(mode, "channels last", [f32(2, 5, 7, 3), undefined, constantF32([2, 1.5])], { axes: [1, -2] }),
      blended(mode, "axes apart", [f32(3, 2, 2, 2, 4), undefined, constantF32([2, 1.5])], { axes: [0, 4] }),
      blended(mode, "three axes", [f32(2, 3, 4, 5), undefined, undefined, constantI64([5, 3, 7])], { axes: [1, 2, 3] }),
    ]),
    blended("cubic", "other coefficient", bySizes([2, 3, 8, 4]), { cubic_coeff_a: -0.5 }),
    ...["not_larger", "not_smaller"].map((policy): OpCase => ({
      name: `nearest, ${policy}`,
      inputs: [image, undefined, undefined, constantI64([7, 8])],
      attributes: { keep_aspect_ratio_policy: policy, axes: [2, 3] },
    })),
    { name: "kept as it is", inputs: byScales([1, 1, 1, 1]) },
    { name: "empty", inputs: [f32(0, 2, 3), undefined, constantF32([1, 1, 2])] },
    {
      name: "linear, several workgroups",
      inputs: bySizes([2, 3, 20, 33]),
      attributes: { mode: "linear" },
      tolerance: tolerance(),
    },
    {
      name: "linear, last axis alone",
      inputs: [f32(3, 2, 5), undefined, constantF32([1, 1, 2.3])],
      attributes: { mode: "linear" },
      tolerance: tolerance(),
    },
    { name: "opset 11", inputs: [image, constantF32([]), constantF32([]), constantI64([2, 3, 4, 4])], opset: 11 },
  ];
}
