/** Every operator of the project, one line each. */
import type { OpDef } from "./op.ts";
import { ACTIVATION_OPERATORS } from "./activations.ts";
import { ARG_OPERATORS } from "./arg_extreme.ts";
import { ARITHMETIC_OPERATORS } from "./arithmetic.ts";
import { batchNormalization } from "./batch_normalization.ts";
import { cast, castLike } from "./cast.ts";
import { channelMean } from "./channel_mean.ts";
import { CLIP_OPERATORS } from "./clip.ts";
import { COMPARISON_OPERATORS } from "./comparisons.ts";
import { concat } from "./concat.ts";
import { constant, constantOfShape, eyeLike, range } from "./constants.ts";
import { expand } from "./expand.ts";
import { gather } from "./gather.ts";
import { gemm } from "./gemm.ts";
import { dropout, identity } from "./identity.ts";
import { MATH_OPERATORS } from "./math_functions.ts";
import { matmul } from "./matmul.ts";
import { normalizeSamples } from "./normalize_samples.ts";
import { pad } from "./pad.ts";
import { dequantizeLinear, quantizeLinear } from "./quantize_linear.ts";
import { REDUCE_OPERATORS } from "./reduce.ts";
import { reshapes } from "./reshape.ts";
import { sampleRange } from "./sample_range.ts";
import { shape, size } from "./shape_queries.ts";
import { slice } from "./slice.ts";
import { SOFTMAX_OPERATORS } from "./softmax.ts";
import { split } from "./split.ts";
import { transpose } from "./transpose.ts";
import { VARIADIC_OPERATORS } from "./variadic.ts";
import { where } from "./where.ts";
import { WINDOW_OPERATORS } from "./windows.ts";

export const OPERATORS: readonly OpDef[] = [
  ...ACTIVATION_OPERATORS,
  ...ARG_OPERATORS,
  ...ARITHMETIC_OPERATORS,
  batchNormalization,
  cast,
  castLike,
  channelMean,
  ...CLIP_OPERATORS,
  ...COMPARISON_OPERATORS,
  concat,
  constant,
  constantOfShape,
  dequantizeLinear,
  dropout,
  expand,
  eyeLike,
  gather,
  gemm,
  identity,
  ...MATH_OPERATORS,
  matmul,
  normalizeSamples,
  pad,
  quantizeLinear,
  range,
  ...REDUCE_OPERATORS,
  ...reshapes,
  sampleRange,
  shape,
  size,
  slice,
  ...SOFTMAX_OPERATORS,
  split,
  transpose,
  ...VARIADIC_OPERATORS,
  where,
  ...WINDOW_OPERATORS,
];

const byName = new Map<string, OpDef[]>();
for (const operator of OPERATORS) {
  const key = `${operator.domain ?? ""}:${operator.type}`;
  byName.set(key, [...byName.get(key) ?? [], operator].sort((a, b) => b.since - a.since));
}

/** The definition with the newest semantics not above `opset`, or undefined where there is none. */
export function findOperator(type: string, domain: string, opset: number): OpDef | undefined {
  return byName.get(`${domain}:${type}`)?.find((operator) => domain !== "" || operator.since <= opset);
}
