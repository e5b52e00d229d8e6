/** Cases of convolutions, pools, and others with windows or places in pictures. */
import fc from "fast-check";
import { elementCount } from "../../../src/base/tensor.ts";
import { type DrawnCase, f32, type Families, flag, integers, known, listOf, pictures, smallExtent } from "./drawing.ts";

/** A picture or its like (one or two spatial axes), with windows that fit. */
export const windows = (options: { readonly dilates: boolean }) =>
  fc.integer({ min: 1, max: 2 }).chain((rank) => {
    const each = <T>(one: fc.Arbitrary<T>) => listOf(rank, one);
    return fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      spatial: each(fc.constantFrom(5, 6, 7, 8, 9, 13, 16, 17)),
      kernel: each(fc.integer({ min: 1, max: 4 })),
      strides: each(fc.integer({ min: 1, max: 3 })),
      dilations: options.dilates ? each(fc.constantFrom(1, 1, 2)) : fc.constant(Array<number>(rank).fill(1)),
      begin: each(fc.integer({ min: 0, max: 2 })),
      end: each(fc.integer({ min: 0, max: 2 })),
    });
  }).filter(({ spatial, kernel, dilations }) =>
    spatial.every((length, axis) => (kernel[axis]! - 1) * dilations[axis]! < length)
  ).map(({ begin, end, kernel, ...rest }) => ({
    ...rest,
    kernel,
    // No window may lie in the padding alone.
    pads: [...begin, ...end].map((pad, place) => Math.min(pad, kernel[place % kernel.length]! - 1)),
  }));

const channels = {
  group: fc.constantFrom(1, 2, 3),
  from: fc.constantFrom(1, 3, 4, 5, 8, 17),
  to: fc.constantFrom(1, 3, 4, 5, 8, 17),
  hasBias: fc.boolean(),
};

const RESIZE_MODES = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric", "align_corners"];

export const WINDOWS: Families = {
  conv: {
    operators: ["Conv"],
    draw: () =>
      fc.record({ at: windows({ dilates: true }), ...channels }).map(({ at, group, from, to, hasBias }) => ({
        inputs: [
          f32(at.batch, group * from, ...at.spatial),
          f32(group * to, from, ...at.kernel),
          ...hasBias ? [f32(group * to)] : [],
        ],
        attributes: { group, strides: at.strides, dilations: at.dilations, pads: at.pads },
      })),
  },
  depthwise: {
    operators: ["Conv"],
    draw: () =>
      fc.record({ at: windows({ dilates: true }), group: fc.constantFrom(3, 8, 17, 33), ...{ to: channels.to } })
        .map(({ at, group, to }) => ({
          inputs: [
            f32(at.batch, group, ...at.spatial),
            f32(group * Math.min(to, 3), 1, ...at.kernel),
            f32(group * Math.min(to, 3)),
          ],
          attributes: { group, strides: at.strides, dilations: at.dilations, pads: at.pads },
        })),
  },
  pointwise: {
    operators: ["Conv"],
    draw: () =>
      fc.record({
        batch: fc.integer({ min: 1, max: 3 }),
        from: smallExtent,
        to: fc.constantFrom(1, 7, 16, 33, 65),
        pixels: listOf(2, fc.constantFrom(1, 5, 8, 9, 17)),
      })
        .map(({ batch, from, to, pixels }) => ({
          inputs: [f32(batch, from, ...pixels), f32(to, from, 1, 1), f32(to)],
        })),
  },
  convTranspose: {
    operators: ["ConvTranspose"],
    draw: () =>
      fc.record({ at: windows({ dilates: true }), more: flag, ...channels }).map((
        { at, more, group, from, to, hasBias },
      ) => ({
        inputs: [
          f32(at.batch, group * from, ...at.spatial),
          f32(group * from, to, ...at.kernel),
          ...hasBias ? [f32(group * to)] : [],
        ],
        attributes: {
          group,
          strides: at.strides,
          dilations: at.dilations,
          pads: at.pads,
          output_padding: at.strides.map((stride) => Math.min(more, stride - 1)),
        },
      })),
  },
  pool: {
    operators: ["MaxPool", "AveragePool", "LpPool"],
    draw: () =>
      fc.record({ at: windows({ dilates: true }), channels: fc.constantFrom(1, 3, 4, 5), ceil: flag })
        .map(({ at, channels, ceil }) => ({
          inputs: [f32(at.batch, channels, ...at.spatial)],
          attributes: {
            kernel_shape: at.kernel,
            strides: at.strides,
            dilations: at.dilations,
            pads: at.pads,
            ceil_mode: ceil,
          },
        })),
  },
  countedPadding: {
    operators: ["AveragePool"],
    draw: () =>
      fc.record({ at: windows({ dilates: false }), channels: fc.constantFrom(1, 3, 4, 5), ceil: flag })
        .map(({ at, channels, ceil }) => ({
          inputs: [f32(at.batch, channels, ...at.spatial)],
          attributes: {
            kernel_shape: at.kernel,
            strides: at.strides,
            pads: at.pads,
            ceil_mode: ceil,
            count_include_pad: 1,
          },
        })),
  },
  poolIndices: {
    operators: ["MaxPool"],
    draw: () =>
      fc.record({ at: windows({ dilates: true }), channels: fc.constantFrom(1, 3, 4), storage_order: flag })
        .map(({ at, channels, storage_order }) => ({
          inputs: [f32(at.batch, channels, ...at.spatial)],
          attributes: {
            kernel_shape: at.kernel,
            strides: at.strides,
            dilations: at.dilations,
            pads: at.pads,
            storage_order,
          },
          outputs: 2,
        })),
  },
  unpool: {
    operators: ["MaxUnpool"],
    draw: () =>
      fc.record({ shape: pictures(), step: fc.integer({ min: 1, max: 3 }) }).map(({ shape, step }) => {
        const rank = shape.length - 2;
        const unpooled = shape.map((own, axis) => axis < 2 ? own : own * step);
        const ratio = elementCount(unpooled) / elementCount(shape);
        const places = Array.from({ length: elementCount(shape) }, (_, index) => Math.floor((index + 0.5) * ratio));
        return {
          inputs: [f32(...shape), integers(places, shape)],
          attributes: { kernel_shape: Array(rank).fill(step), strides: Array(rank).fill(step) },
        };
      }),
  },
  columns: {
    operators: ["Col2Im"],
    draw: () =>
      fc.record({ at: windows({ dilates: true }), channels: fc.constantFrom(1, 3, 4, 5) }).map(({ at, channels }) => {
        const rank = at.spatial.length;
        const places = at.spatial.map((own, axis) => {
          const reach = (at.kernel[axis]! - 1) * at.dilations[axis]! + 1;
          return Math.floor((own + at.pads[axis]! + at.pads[rank + axis]! - reach) / at.strides[axis]!) + 1;
        });
        return {
          inputs: [
            f32(at.batch, channels * elementCount(at.kernel), elementCount(places)),
            integers(at.spatial),
            integers(at.kernel),
          ],
          attributes: { strides: at.strides, dilations: at.dilations, pads: at.pads },
        };
      }),
  },
  resize: {
    operators: ["Resize"],
    draw: () =>
      fc.record({
        shape: pictures(),
        sizes: listOf(2, fc.integer({ min: 1, max: 20 })),
        mode: fc.constantFrom("nearest", "linear", "cubic"),
        coordinates: fc.constantFrom(...RESIZE_MODES),
        antialias: flag,
      }).filter(({ shape }) => shape.length === 4).map(({ shape, sizes, mode, coordinates, antialias }) => ({
        inputs: [f32(...shape), undefined, undefined, integers([shape[0]!, shape[1]!, ...sizes])],
        attributes: {
          mode,
          coordinate_transformation_mode: coordinates,
          ...mode === "nearest" ? {} : { antialias },
        },
      })),
  },
  oldResize: {
    operators: ["Resize", "Upsample"],
    draw: () =>
      fc.record({ shape: pictures(), scale: fc.constantFrom(1, 1.5, 2, 3), mode: fc.constantFrom("nearest", "linear") })
        .filter(({ shape }) => shape.length === 4).map(({ shape, scale, mode }) => ({
          inputs: [f32(...shape), known("float32", [1, 1, scale, scale])],
          attributes: { mode },
          opset: 10,
        })),
  },
  grid: {
    operators: ["GridSample"],
    draw: () =>
      fc.record({
        batch: fc.integer({ min: 1, max: 2 }),
        channels: fc.constantFrom(1, 3, 4),
        picture: listOf(2, smallExtent),
        places: listOf(2, smallExtent),
        mode: fc.constantFrom("nearest", "linear", "cubic"),
        padding_mode: fc.constantFrom("zeros", "border", "reflection"),
        align_corners: flag,
      }).map(({ batch, channels, picture, places, ...attributes }) => ({
        inputs: [f32(batch, channels, ...picture), f32(batch, ...places, 2)],
        attributes,
        range: [-1.3, 1.3],
      })),
  },
  affineGrid: {
    operators: ["AffineGrid"],
    draw: () =>
      fc.record({
        batch: fc.integer({ min: 1, max: 3 }),
        spatial: fc.array(smallExtent, { minLength: 2, maxLength: 3 }),
        align_corners: flag,
      })
        .map(({ batch, spatial, align_corners }) => ({
          inputs: [f32(batch, spatial.length, spatial.length + 1), integers([batch, 3, ...spatial])],
          attributes: { align_corners },
        })),
  },
  regions: {
    operators: ["RoiAlign"],
    draw: () =>
      fc.record({
        batch: fc.integer({ min: 1, max: 2 }),
        picture: fc.tuple(fc.constantFrom(1, 3, 4), fc.integer({ min: 3, max: 9 }), fc.integer({ min: 3, max: 9 })),
        rois: fc.array(listOf(4, fc.integer({ min: -2, max: 10 })), { minLength: 1, maxLength: 5 }),
        output_height: fc.integer({ min: 1, max: 4 }),
        output_width: fc.integer({ min: 1, max: 4 }),
        sampling_ratio: fc.integer({ min: 0, max: 3 }),
        spatial_scale: fc.constantFrom(0.25, 0.5, 0.75),
        mode: fc.constantFrom("avg", "max"),
        coordinate_transformation_mode: fc.constantFrom("half_pixel", "output_half_pixel"),
      }).map(({ batch, picture, rois, ...attributes }): DrawnCase => ({
        inputs: [
          f32(batch, ...picture),
          known("float32", rois.flatMap(([x, y, w, h]) => [x!, y!, x! + Math.abs(w!), y! + Math.abs(h!)]), [
            rois.length,
            4,
          ]),
          integers(rois.map((_, place) => place % batch)),
        ],
        attributes,
      })),
  },
};
