/** The schema of a step of `preprocessing`. */
import {
  ASPECT_RATIO_SCALES,
  INTERPOLATION_NAMES,
  LARGEST_EXTENT,
  NAMED_VALUES,
} from "../../data/preprocessing_config.ts";

type Properties = Readonly<Record<string, unknown>>;

const EXTENT = { type: "integer", minimum: 1, maximum: LARGEST_EXTENT };

/** A square, or width and height: what gives a size. */
const SIZES: readonly Properties[] = [{ size: EXTENT }, { dst_width: EXTENT, dst_height: EXTENT }];

/** Any one of the steps that `parsePreprocessing` takes. */
export function preprocessingSchema(): { readonly [keyword: string]: unknown } {
  const resize = {
    aspect_ratio_scale: { enum: ASPECT_RATIO_SCALES, description: "greater: size is that of the shorter side." },
    interpolation: { enum: INTERPOLATION_NAMES, default: "bilinear" },
    use_pillow: { const: true },
    resize_realization: { const: "pillow" },
  };
  const extents: readonly Properties[] = [
    ...SIZES.map((size) => ({ ...size, max_square: { const: false } })),
    { central_fraction: { type: "number", exclusiveMinimum: 0, maximum: 1 }, max_square: { const: false } },
    { max_square: { const: true } },
  ];
  return {
    anyOf: [
      ...SIZES.map((size) => step("resize", size, resize)),
      ...extents.map(({ max_square, ...extent }) =>
        Object.keys(extent).length === 0
          ? step("crop", { max_square }, { use_pillow: { type: "boolean" } })
          : step("crop", extent, { max_square, use_pillow: { type: "boolean" } })
      ),
      ...["rgb_to_bgr", "bgr_to_rgb", "rgb_to_gray"].map((type) => step(type, {}, {})),
      {
        ...step("normalization", {}, { mean: channelValues({}), std: channelValues({ not: { const: 0 } }) }),
        description: "(pixel - mean) / std, of pixels from 0 to 255.",
        anyOf: [{ required: ["mean"] }, { required: ["std"] }],
      },
    ],
  };
}

function step(type: string, required: Properties, optional: Properties) {
  return {
    type: "object",
    properties: { type: { const: type }, ...required, ...optional },
    required: ["type", ...Object.keys(required)],
    additionalProperties: false,
  };
}

/** One number for all channels, one for each, or Accuracy Checker's names for such. */
function channelValues(restriction: Properties) {
  const number = { type: "number", ...restriction };
  return { anyOf: [number, { type: "array", items: number, minItems: 1 }, { enum: Object.keys(NAMED_VALUES) }] };
}
