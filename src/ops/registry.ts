/** Every operator of the project, one line each. */
import type { OpDef } from "./op.ts";
import { ACTIVATION_OPERATORS } from "./activations.ts";
import { affineGrid } from "./affine_grid.ts";
import { ARG_OPERATORS } from "./arg_extreme.ts";
import { ARITHMETIC_OPERATORS } from "./arithmetic.ts";
import { batchNormalization } from "./batch_normalization.ts";
import { cast, castLike } from "./cast.ts";
import { centerCropPad } from "./center_crop_pad.ts";
import { channelMean } from "./channel_mean.ts";
import { channelQuantile } from "./channel_quantile.ts";
import { CLIP_OPERATORS } from "./clip.ts";
import { col2Im } from "./col2im.ts";
import { COMPARISON_OPERATORS } from "./comparisons.ts";
import { compress } from "./compress.ts";
import { concat } from "./concat.ts";
import { constant, constantOfShape, eyeLike, range } from "./constants.ts";
import { conv } from "./conv.ts";
import { convTranspose } from "./conv_transpose.ts";
import { cumulativeSum } from "./cumulative_sum.ts";
import { depthToSpace, spaceToDepth } from "./depth_to_space.ts";
import { determinant } from "./determinant.ts";
import { dynamicQuantizeLinear } from "./dynamic_quantize_linear.ts";
import { einsum } from "./einsum.ts";
import { expand } from "./expand.ts";
import { dft, dftOld, stft } from "./fourier.ts";
import { gather } from "./gather.ts";
import { gatherElements } from "./gather_elements.ts";
import { gatherND } from "./gather_nd.ts";
import { gemm } from "./gemm.ts";
import { GLOBAL_POOL_OPERATORS } from "./global_pool.ts";
import { gridSample } from "./grid_sample.ts";
import { hardmax } from "./hardmax.ts";
import { dropout, identity } from "./identity.ts";
import { convInteger, qlinearConv } from "./integer_conv.ts";
import { matmulInteger, qlinearMatmul } from "./integer_matmul.ts";
import { layerNormalization } from "./layer_normalization.ts";
import { lpNormalization } from "./lp_normalization.ts";
import { lrn } from "./lrn.ts";
import { MATH_OPERATORS } from "./math_functions.ts";
import { matmul } from "./matmul.ts";
import { maxUnpool } from "./max_unpool.ts";
import { melWeightMatrix } from "./mel_weight_matrix.ts";
import { nonMaxSuppression } from "./non_max_suppression.ts";
import { nonZero } from "./non_zero.ts";
import { NORMALIZATION_OPERATORS } from "./normalizations.ts";
import { normalizeSamples } from "./normalize_samples.ts";
import { oneHot } from "./one_hot.ts";
import { pad } from "./pad.ts";
import { POOL_OPERATORS } from "./pool.ts";
import { dequantizeLinear, quantizeLinear } from "./quantize_linear.ts";
import { RECURRENT_OPERATORS } from "./recurrent_operators.ts";
import { REDUCE_OPERATORS } from "./reduce.ts";
import { reshapes } from "./reshape.ts";
import { RESIZE_OPERATORS } from "./resize.ts";
import { reverseSequence } from "./reverse_sequence.ts";
import { rmsNormalization } from "./rms_normalization.ts";
import { roiAlign } from "./roi_align.ts";
import { rotaryEmbedding } from "./rotary_embedding.ts";
import { sampleError } from "./sample_error.ts";
import { sampleHistogram } from "./sample_histogram.ts";
import { sampleRange } from "./sample_range.ts";
import { scatterElements, scatterOld } from "./scatter_elements.ts";
import { scatterND } from "./scatter_nd.ts";
import { shape, size } from "./shape_queries.ts";
import { slice } from "./slice.ts";
import { SOFTMAX_OPERATORS } from "./softmax.ts";
import { split } from "./split.ts";
import { tile } from "./tile.ts";
import { topK } from "./top_k.ts";
import { transpose } from "./transpose.ts";
import { trilu } from "./trilu.ts";
import { unique } from "./unique.ts";
import { VARIADIC_OPERATORS } from "./variadic.ts";
import { where } from "./where.ts";
import { WINDOW_OPERATORS } from "./windows.ts";

export const OPERATORS: readonly OpDef[] = [
  ...ACTIVATION_OPERATORS,
  affineGrid,
  ...ARG_OPERATORS,
  ...ARITHMETIC_OPERATORS,
  batchNormalization,
  cast,
  castLike,
  centerCropPad,
  channelMean,
  channelQuantile,
  ...CLIP_OPERATORS,
  col2Im,
  ...COMPARISON_OPERATORS,
  compress,
  concat,
  constant,
  constantOfShape,
  conv,
  convTranspose,
  convInteger,
  cumulativeSum,
  depthToSpace,
  dequantizeLinear,
  determinant,
  dft,
  dftOld,
  dropout,
  dynamicQuantizeLinear,
  einsum,
  expand,
  eyeLike,
  gather,
  gatherElements,
  gatherND,
  gemm,
  ...GLOBAL_POOL_OPERATORS,
  gridSample,
  hardmax,
  identity,
  layerNormalization,
  lpNormalization,
  lrn,
  ...MATH_OPERATORS,
  matmul,
  matmulInteger,
  maxUnpool,
  melWeightMatrix,
  nonMaxSuppression,
  nonZero,
  ...NORMALIZATION_OPERATORS,
  normalizeSamples,
  oneHot,
  pad,
  ...POOL_OPERATORS,
  qlinearConv,
  qlinearMatmul,
  quantizeLinear,
  range,
  ...RECURRENT_OPERATORS,
  ...REDUCE_OPERATORS,
  ...reshapes,
  ...RESIZE_OPERATORS,
  reverseSequence,
  rmsNormalization,
  roiAlign,
  rotaryEmbedding,
  sampleError,
  sampleHistogram,
  sampleRange,
  scatterElements,
  scatterND,
  scatterOld,
  shape,
  size,
  slice,
  ...SOFTMAX_OPERATORS,
  spaceToDepth,
  split,
  stft,
  tile,
  topK,
  transpose,
  trilu,
  unique,
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
