/** Cases of normalizations. */
import fc from "fast-check";
import { elementCount } from "../../../src/base/tensor.ts";
import { f32, type Families, filledShapeOf, flag, integers, known, listOf, pictures, smallExtent } from "./drawing.ts";

/** Operands of normalizations over channels, or over trailing axes. */
export const NORMALIZATION: Families = {
  instance: {
    operators: ["InstanceNormalization"],
    draw: () => pictures().map((shape) => ({ inputs: [f32(...shape), f32(shape[1]!), f32(shape[1]!)] })),
  },
  group: {
    operators: ["GroupNormalization"],
    draw: () =>
      fc.record({ shape: pictures(), groups: fc.constantFrom(1, 2, 3) }).map(({ shape, groups }) => {
        const own = shape.with(1, shape[1]! * groups);
        return { inputs: [f32(...own), f32(own[1]!), f32(own[1]!)], attributes: { num_groups: groups } };
      }),
  },
  batch: {
    operators: ["BatchNormalization"],
    draw: () =>
      filledShapeOf(2, 4).map((shape) => ({
        inputs: [f32(...shape), ...Array.from({ length: 4 }, () => f32(shape[1]!))],
      })),
  },
  meanVariance: {
    operators: ["MeanVarianceNormalization"],
    draw: () =>
      filledShapeOf(2, 4).chain((shape) =>
        fc.subarray(shape.map((_, axis) => axis), { minLength: 1 }).map((axes) => ({
          inputs: [f32(...shape)],
          attributes: { axes },
        }))
      ),
  },
  lp: {
    operators: ["LpNormalization"],
    draw: () =>
      filledShapeOf(1, 4).chain((shape) =>
        fc.record({ axis: fc.integer({ min: -shape.length, max: shape.length - 1 }), p: fc.constantFrom(1, 2) }).map((
          attributes,
        ) => ({ inputs: [f32(...shape)], attributes }))
      ),
  },
  local: {
    operators: ["LRN"],
    draw: () =>
      fc.record({ shape: pictures(), size: fc.integer({ min: 1, max: 7 }) })
        .map(({ shape, size }) => ({ inputs: [f32(...shape)], attributes: { size, alpha: 0.5, bias: 1.5 } })),
  },
  layer: {
    operators: ["LayerNormalization"],
    draw: () =>
      filledShapeOf(1, 4).chain((shape) =>
        fc.integer({ min: -shape.length, max: shape.length - 1 }).map((axis) => {
          const normalized = shape.slice(axis);
          return { inputs: [f32(...shape), f32(...normalized), f32(...normalized)], attributes: { axis } };
        })
      ),
  },
  rootMeanSquare: {
    operators: ["RMSNormalization"],
    draw: () =>
      filledShapeOf(1, 4).chain((shape) =>
        fc.record({ axis: fc.integer({ min: -shape.length, max: shape.length - 1 }), isShared: fc.boolean() })
          .map(({ axis, isShared }) => ({
            inputs: [f32(...shape), f32(...isShared ? [1] : shape.slice(axis))],
            attributes: { axis },
          }))
      ),
  },
  rotary: {
    operators: ["RotaryEmbedding"],
    draw: () =>
      fc.record({
        batch: fc.integer({ min: 1, max: 3 }),
        heads: fc.integer({ min: 1, max: 3 }),
        tokens: fc.integer({ min: 1, max: 9 }),
        half: fc.integer({ min: 1, max: 9 }),
        still: fc.constantFrom(0, 2, 4),
        interleaved: flag,
        isSplit: fc.boolean(),
        hasPositions: fc.boolean(),
      }).map(({ batch, heads, tokens, half, still, interleaved, isSplit, hasPositions }) => {
        const size = 2 * half + still;
        const table = hasPositions ? f32(tokens + 3, half) : f32(batch, tokens, half);
        const positions = Array.from({ length: batch * tokens }, (_, place) => (5 * place + 2) % (tokens + 3));
        return {
          inputs: [
            isSplit ? f32(batch, heads, tokens, size) : f32(batch, tokens, heads * size),
            table,
            table,
            ...hasPositions ? [integers(positions, [batch, tokens])] : [],
          ],
          attributes: {
            interleaved,
            ...still > 0 ? { rotary_embedding_dim: 2 * half } : {},
            ...isSplit ? {} : { num_heads: heads },
          },
        };
      }),
  },
  samples: {
    domain: "holdfast",
    operators: ["NormalizeSamples"],
    draw: () =>
      fc.record({
        batch: fc.integer({ min: 1, max: 3 }),
        shape: listOf(3, smallExtent),
        at: fc.constantFrom(0, 2),
        bytes: flag,
      })
        .map(({ batch, shape, at, bytes }) => {
          const words = bytes ? Math.ceil(elementCount(shape) / 4) : elementCount(shape);
          const perChannel = (first: number) =>
            known("float32", Array.from({ length: shape[at]! }, (_, channel) => first + channel / 2));
          return {
            inputs: [
              bytes ? { dtype: "int32" as const, shape: [batch, words] } : f32(batch, words),
              perChannel(1.5),
              perChannel(-2),
            ],
            attributes: { shape, channel_axis: at, bytes },
            range: bytes ? [-2e9, 2e9] : [-4, 4],
          };
        }),
  },
};
