import assert from "node:assert/strict";
import type { AccuracyAwareResult } from "../../src/accuracy/result.ts";
import { resolveOptions } from "../../src/accuracy/options.ts";
import type { Step } from "../../src/accuracy/trace.ts";
import { buildReport, encodeReport, type Report, type ReportParts } from "../../src/report/report.ts";
import { formatSummary } from "../../src/report/summary.ts";

const spent = { evaluations: 1, samples: 100, reused: 0, networkEquivalents: 100, seconds: 2 };

const trace: readonly Step[] = [
  {
    action: "baseline",
    assignment: [-1, -1],
    values: { accuracy: 0.9 },
    drops: { accuracy: 0 },
    kept: true,
    reason: "measured",
    ...spent,
  },
  {
    action: "quantize",
    assignment: [0, 0],
    values: { accuracy: 0.8 },
    drops: { accuracy: 0.1 },
    kept: true,
    reason: "first_state",
    ...spent,
  },
  {
    action: "rank",
    assignment: [0, 0],
    values: {},
    drops: {},
    kept: true,
    reason: "ranked",
    ranking: { metric: "accuracy", sampleCount: 30, scores: [{ group: 1, score: 0.2 }, { group: 0, score: 0.1 }] },
    ...spent,
  },
  {
    action: "revert",
    group: 1,
    assignment: [0, -1],
    values: { accuracy: 0.895 },
    drops: { accuracy: 0.005 },
    kept: true,
    reason: "target_met",
    ...spent,
  },
];

const accuracy: AccuracyAwareResult = {
  reached: true,
  exhausted: false,
  assignment: [0, -1],
  values: { accuracy: 0.895 },
  drops: { accuracy: 0.005 },
  floatMacs: 0.25,
  baseline: { accuracy: 0.9 },
  thresholds: { accuracy: 0.01 },
  quantized: { accuracy: 0.8 },
  reverted: ["second"],
  groups: [
    { name: "first", precision: "performance", isReverted: false },
    { name: "second", precision: "float", isReverted: true, bought: { accuracy: 0.095 } },
  ],
  trace,
  cost: { evaluations: 4, samples: 400, reused: 0, networkEquivalents: 250, potNetworkEquivalents: 360 },
  noise: [{ metric: "accuracy", standardError: 0.003, comparedSamples: 100 }],
  warnings: ["Mind the gap"],
  options: resolveOptions({ maximalDrop: 0.01, seed: 7 }),
};

const parts: ReportParts = {
  algorithm: "AccuracyAwareQuantization",
  model: { name: "net", byteLength: 4096, sha256: "aa" },
  output: { name: "model.onnx", byteLength: 1024, sha256: "bb" },
  dataset: { name: "pictures", samples: 100, sha256: "cc" },
  calibration: { name: "others", samples: 30, sha256: "dd" },
  metrics: [{ name: "accuracy", direction: "higher_better" }],
  accuracy,
  groups: [{ name: "first", nodes: ["a", "b"], macs: 0.75 }, { name: "second", nodes: ["c"], macs: 0.2 }],
  layers: [{
    name: "a",
    type: "Conv",
    macs: 75,
    parameters: 9,
    group: 0,
    weightSnr: 40,
    sqnr: Infinity,
    time: { float: 5, final: 7 },
  }],
  candidates: ["performance", "mixed"],
  skipped: new Map([["d", "feeds nothing"]]),
  batchSize: 32,
  seconds: { calibrate: 1, accuracy: 8 },
  adapter: { vendor: "v", architecture: "", description: "Invented GPU", isSoftware: true },
  notes: [],
  quantization: { preset: "performance" },
  versions: { holdfast: "0.1.0" },
  command: ["quantize", "net.onnx"],
};

/** The report after JSON: what scripts see. */
function reported(changes: Partial<ReportParts> = {}): Report {
  return JSON.parse(encodeReport(buildReport({ ...parts, ...changes })));
}

Deno.test("buildReport() leads with the first metric and lists them all", () => {
  const { metric, baseline, quantized, final, drop, maximalDrop, dropType, reached, metrics, seed } = reported();
  assert.deepEqual({ metric, baseline, quantized, final, drop, maximalDrop, dropType, reached, seed }, {
    metric: "accuracy",
    baseline: 0.9,
    quantized: 0.8,
    final: 0.895,
    drop: 0.005,
    maximalDrop: 0.01,
    dropType: "absolute",
    reached: true,
    seed: 7,
  });
  assert.deepEqual(metrics.map(({ name, threshold, standardError }) => ({ name, threshold, standardError })), [
    { name: "accuracy", threshold: 0.01, standardError: 0.003 },
  ]);
});

Deno.test("buildReport() names groups everywhere and adds up what stays in int8", () => {
  const { groups, reverted, int8Macs, trace, skipped } = reported();
  assert.deepEqual(groups[1], {
    name: "second",
    nodes: ["c"],
    macs: 0.2,
    precision: "float",
    isReverted: true,
    bought: { accuracy: 0.095 },
  });
  assert.equal(groups[0]?.bought, null);
  assert.deepEqual(reverted, ["second"]);
  assert.equal(int8Macs, 0.75);
  assert.deepEqual(skipped, { d: "feeds nothing" });
  assert.deepEqual(trace[2]?.ranking?.scores, [{ group: "second", score: 0.2 }, { group: "first", score: 0.1 }]);
  const { action, group, value, drop, kept, reason, explanation, seconds } = trace[3]!;
  assert.deepEqual({ action, group, value, drop, kept, reason, explanation, seconds }, {
    action: "revert",
    group: "second",
    value: 0.895,
    drop: 0.005,
    kept: true,
    reason: "target_met",
    explanation: "the target is met",
    seconds: 2,
  });
});

Deno.test("buildReport() states no allowed drop for DefaultQuantization", () => {
  const { maximalDrop, metrics, options } = reported({ algorithm: "DefaultQuantization" });
  assert.deepEqual([maximalDrop, metrics[0]?.threshold, options], [null, null, null]);
});

Deno.test("formatSummary() shows values, what went back and why, sizes, cost and files", () => {
  const text = formatSummary(buildReport(parts), {
    model: "out/model.onnx",
    report: "out/report.json",
    page: "out/report.html",
  });
  assert.equal(
    text,
    `net quantized to int8 within maximal_drop 0.01: drop of accuracy 0.005, 1 of 2 groups in float

metric    float  int8   final  drop   allowed  ± noise
accuracy  0.900  0.800  0.895  0.005  0.010    0.003

Back in float
  second  20.0 % of MACs  drop 0.095 smaller  the target is met

In int8  75.0 % of the multiply-accumulates
Size     4.00 KiB -> 1.00 KiB (25 %)
Data     100 samples of pictures; calibrated on 30 of others
Cost     250 forward passes in 4 evaluations; POT's loop: 360
Time     9.0 s
Adapter  Invented GPU (software)
Model    out/model.onnx
Report   out/report.html (for scripts: out/report.json)

Warning: Mind the gap`,
  );
});

Deno.test("formatSummary() says what the exported model gave when it was run again", () => {
  const verified = buildReport({ ...parts, verified: { accuracy: 0.8949 } });
  const text = formatSummary(verified, { model: "m", report: "r", page: "p" });
  assert.match(text, /^Verified {2}the exported model, loaded and run again, has accuracy 0\.8949$/m);
});

Deno.test("formatSummary() says first that a target was not reached", () => {
  const missed = buildReport({ ...parts, accuracy: { ...accuracy, reached: false, drops: { accuracy: 0.02 } } });
  const [first] = formatSummary(missed, { model: "m", report: "r", page: "p" }).split("\n");
  assert.equal(first, "Cannot reach maximal_drop 0.01: best drop of accuracy 0.020, 1 of 2 groups in float");
});
