/** A report with everything in it, its names as hostile as a model can make them. */
import type { Report } from "../../src/report/report.ts";
import type { ReportedStep } from "../../src/report/steps.ts";

export const HOSTILE = `a"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;${"\u202e"}`;

function step(action: ReportedStep["action"], value: number | null, changes: Partial<ReportedStep> = {}): ReportedStep {
  const drop = value === null ? null : 0.95 - value;
  return {
    action,
    group: null,
    candidate: null,
    groups: [],
    value,
    drop,
    values: value === null ? {} : { accuracy: value, [HOSTILE]: value },
    drops: drop === null ? {} : { accuracy: drop },
    kept: true,
    reason: "better",
    explanation: "the drop is smaller than before",
    seconds: 1.5,
    evaluations: 1,
    samples: 100,
    networkEquivalents: 100,
    ranking: null,
    ...changes,
  };
}

const RANKING = {
  metric: "accuracy",
  samples: 50,
  scores: [{ group: HOSTILE, score: 0.9 }, { group: "conv1", score: 0.85 }, { group: "conv2", score: 0.8 }],
};

const FILE = { byteLength: 4000, sha256: "ab".repeat(32) };

const TIME = { float: 1234.5, final: 2345.6 };

/** Three groups: one in int8, one mended, one in float, and a layer that is never quantized. */
export const SAMPLE_REPORT: Report = {
  version: 1,
  algorithm: "AccuracyAwareQuantization",
  model: { ...FILE, name: HOSTILE },
  output: { ...FILE, name: "model.onnx", byteLength: 1000 },
  dataset: { name: HOSTILE, samples: 100, sha256: "cd".repeat(32) },
  calibration: { name: "others", samples: 30, sha256: "ef".repeat(32) },
  metric: "accuracy",
  baseline: 0.95,
  quantized: 0.9,
  final: 0.945,
  drop: 0.005,
  maximalDrop: 0.01,
  dropType: "absolute",
  reached: true,
  holdout: {
    samples: 40,
    metrics: [{
      name: "accuracy",
      direction: "higher_better",
      baseline: 0.925,
      value: 0.9,
      drop: 0.025,
      threshold: 0.01,
      standardError: 0.02,
    }],
    holds: false,
  },
  verified: { accuracy: 0.944 },
  metrics: [
    {
      name: "accuracy",
      direction: "higher_better",
      baseline: 0.95,
      quantized: 0.9,
      final: 0.945,
      drop: 0.005,
      threshold: 0.01,
      standardError: 0.002,
    },
    {
      name: HOSTILE,
      direction: "lower_better",
      baseline: null,
      quantized: null,
      final: null,
      drop: null,
      threshold: null,
      standardError: null,
    },
  ],
  groups: [
    { name: "conv1", nodes: ["conv1", "relu1"], macs: 0.5, precision: "performance", isReverted: false, bought: null },
    { name: "conv2", nodes: ["conv2"], macs: 0.3, precision: "mixed", isReverted: false, bought: { accuracy: 0.01 } },
    { name: HOSTILE, nodes: [HOSTILE], macs: 0.2, precision: "float", isReverted: true, bought: { accuracy: 0.03 } },
  ],
  layers: [
    layer("conv1", "Conv", { macs: 5000, parameters: 90, group: "conv1", weightSnr: 41.25, sqnr: 33.25, time: TIME }),
    layer("relu1", "Relu", { group: "conv1" }),
    layer("conv2", "Conv", {
      macs: 3000,
      parameters: 1200,
      group: "conv2",
      precision: "mixed",
      weightSnr: 38.5,
      sqnr: 22.5,
    }),
    layer(HOSTILE, "Gemm", { macs: 2000, parameters: 70, group: HOSTILE, precision: "float", isReverted: true }),
    layer("softmax", "Softmax", { precision: "float" }),
  ],
  reverted: [HOSTILE],
  skipped: { softmax: "outputs feed nothing" },
  candidates: ["performance", "mixed"],
  int8Macs: 0.8,
  trace: [
    step("baseline", 0.95, { reason: "measured" }),
    step("quantize", 0.9, { reason: "first_state" }),
    step("rank", null, { reason: "ranked", ranking: RANKING }),
    step("mend", 0.91, { group: "conv2", groups: ["conv2"] }),
    step("revert", 0.9, { group: "conv1", groups: ["conv1"], kept: false, reason: "not_better" }),
    step("revert", 0.945, { group: HOSTILE, groups: [HOSTILE], reason: "target_met" }),
  ],
  cost: { networkEquivalents: 500, potNetworkEquivalents: 900, evaluations: 9, samples: 600, reused: 1 },
  batchSize: 32,
  seconds: { calibrate: 2, accuracy: 8 },
  adapter: { vendor: "v", architecture: "", description: HOSTILE, isSoftware: true },
  seed: 0,
  options: { maximalDrop: 0.01, maxIterNum: Infinity, metrics: [], tryFirst: [2] },
  quantization: { preset: "performance", weights: { bits: 8 }, ignored: null },
  warnings: [HOSTILE],
  notes: [HOSTILE],
  versions: { holdfast: "0.1.0" },
  command: ["quantize", "it's a model.onnx", "--dataset", "data"],
};

function layer(
  name: string,
  type: string,
  changes: Partial<Report["layers"][number]> = {},
): Report["layers"][number] {
  const fallback = {
    macs: 0,
    parameters: 0,
    group: null,
    precision: "performance",
    isReverted: false,
    weightSnr: null,
    sqnr: null,
    time: null,
  };
  return { name, type, ...fallback, ...changes };
}
