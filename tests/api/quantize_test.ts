/** Quantization end to end on a small network: what each option of the caller changes. */
import assert from "node:assert/strict";
import {
  accuracy,
  buildSweepReport,
  datasetFromArrays,
  encodeSweepCsv,
  evaluateModel,
  loadModel,
  quantizeModel,
  type QuantizeOptions,
  type QuantizeResult,
  rankModel,
  renderSweepPlot,
  reportQuantization,
  Runtime,
  sweepQuantization,
} from "../../mod.ts";
import { FLOAT } from "../../src/base/precision.ts";
import { drawnSamples, smallModel, smallOptions } from "../fixtures/small_problem.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };
const model = await smallModel();

async function quantize(options: QuantizeOptions): Promise<QuantizeResult> {
  using runtime = await Runtime.open();
  return await quantizeModel(runtime, model, options);
}

/** For a node of a model's file: which of its operands are dequantized. */
async function dequantizedOperands(bytes: Uint8Array, name: string): Promise<boolean[]> {
  const { graph } = await loadModel(new Uint8Array(bytes));
  const dequantized = new Set(
    graph.nodes.filter(({ type }) => type === "DequantizeLinear").flatMap((one) => one.outputs),
  );
  return graph.nodes.find((node) => node.name === name)!.inputs.map((input) => dequantized.has(input));
}

Deno.test("quantizeModel() gives the same bytes every time", needsGpu, async () => {
  const [first, second] = [await quantize(smallOptions()), await quantize(smallOptions())];
  assert.deepEqual(first.bytes, second.bytes);
  assert.ok(first.accuracy.reached && first.accuracy.trace.length > 3, "there was something to decide");
  const mending = smallOptions({ mend: true });
  const [third, fourth] = [await quantize(mending), await quantize(mending)];
  assert.deepEqual(third.bytes, fourth.bytes);
  assert.equal(third.accuracy.trace.at(-1)?.action, "try", "another recipe meets the target");
});

Deno.test("quantizeModel() refuses what cannot be exported before it calibrates", needsGpu, async () => {
  // Gemm broadcast its bias only where it was told to.
  const broadcast = ["broadcast", { type: "int", value: 1 }] as const;
  const nodes = model.graph.nodes.map((node) =>
    node.type === "Gemm" ? { ...node, attributes: new Map([...node.attributes, broadcast]) } : node
  );
  const old = { ...model, graph: { ...model.graph, nodes, opset: 6 } };
  const phases: string[] = [];
  const options: QuantizeOptions = {
    ...smallOptions(),
    onEvent: (event) => event.kind === "phase" && phases.push(event.phase),
  };
  using runtime = await Runtime.open();
  await assert.rejects(quantizeModel(runtime, old, options), {
    name: "UnsupportedError",
    message: /^Cannot export model: its opset 6 cannot be raised to 13, expected 7 or newer$/,
  });
  assert.deepEqual(phases, ["prepare"]);
});

Deno.test("quantizeModel() labels by confident predictions with annotationFree", needsGpu, async () => {
  const everything = await quantize(smallOptions({ maximalDrop: 1 }));
  assert.equal(everything.samples, 60);
  assert.equal(everything.accuracy.baseline["accuracy"], 1);
  const some = await quantize({ ...smallOptions({ maximalDrop: 1 }), annotationConfThreshold: 0.5 });
  assert.ok(some.samples > 0 && some.samples < 60, `${some.samples} samples are kept`);
  assert.match(some.notes.join(), new RegExp(`${some.samples} of 60 samples have a confidence of at least 0.5`));
  await assert.rejects(quantize({ ...smallOptions(), annotationConfThreshold: 1 }), {
    name: "DatasetError",
    message:
      /^Cannot label dataset "drawn" by the network's predictions: the largest confidence is [\d.]+, expected 1$/,
  });
});

Deno.test("quantizeModel() certifies on samples that it did not decide on (W11)", needsGpu, async () => {
  const result = await quantize({ ...smallOptions({}, 90), holdout: 0.3 });
  const { certificate, samples } = result;
  assert.deepEqual([samples, certificate?.samples], [63, 27]);
  const [metric] = certificate?.metrics ?? [];
  assert.equal(metric?.baseline, 1);
  assert.equal(certificate?.holds, metric!.drop <= 0);
  using runtime = await Runtime.open();
  const exported = await loadModel(new Uint8Array(result.bytes));
  const evaluate = async (dataset: QuantizeResult["dataset"]) =>
    (await evaluateModel(runtime, exported, dataset, { metrics: [accuracy()] })).values["accuracy"];
  assert.equal(await evaluate(result.dataset), result.values["accuracy"]);
  const again = await quantize({ ...smallOptions({ seed: 1 }, 90), holdout: 0.3 });
  assert.notEqual(await again.dataset.sha256(), await result.dataset.sha256(), "the seed draws the samples");
  for (const holdout of [0, 1, 0.001]) {
    await assert.rejects(quantize({ ...smallOptions(), holdout }), {
      name: "UsageError",
      message: /^Cannot use holdout/,
    });
  }
});

Deno.test("quantizeModel() leaves groups where the caller holds them", needsGpu, async () => {
  const free = await quantize(smallOptions());
  const float = free.groups.find((_, index) => free.assignment[index] === FLOAT)!.name;
  const int8 = free.groups.find((_, index) => free.assignment[index] !== FLOAT)!.name;
  const held = await quantize({ ...smallOptions(), holds: { keepFloat: [int8], keepInt8: [float] } });
  const stateOf = (name: string) => held.assignment[held.groups.findIndex((group) => group.name === name)];
  assert.equal(stateOf(int8), FLOAT);
  assert.notEqual(stateOf(float), FLOAT);
  await assert.rejects(quantize({ ...smallOptions(), holds: { keepFloat: ["conv3"], keepInt8: [] } }), {
    name: "UsageError",
    message: /^Cannot hold group "conv3": the network has none of this name; did you mean "conv\d"/,
  });
});

Deno.test(
  "quantizeModel() keeps the weights of reverted groups in int8 with revert activations",
  needsGpu,
  async () => {
    const options = { mend: false, putBack: false };
    const half = await quantize(smallOptions({ ...options, revert: "activations" }));
    const label = half.candidates.indexOf("int8 weights");
    assert.ok(half.assignment.includes(label), `assignment ${half.assignment}`);
    const [group] = half.groups.filter((_, index) => half.assignment[index] === label);
    assert.deepEqual(await dequantizedOperands(half.bytes, group!.nodes[0]!), [false, true, false]);
    using runtime = await Runtime.open();
    const exported = await loadModel(new Uint8Array(half.bytes));
    const { values } = await evaluateModel(runtime, exported, half.dataset, { metrics: [accuracy()] });
    assert.deepEqual(values, half.values);
  },
);

Deno.test("quantizeModel() tries recipes on the whole network first, in the order asked for", needsGpu, async () => {
  const result = await quantize({ ...smallOptions(), tryFirst: ["quantile", "mixed", "no_bias_correction"] });
  const tries = result.accuracy.trace.filter(({ action }) => action === "try").map(({ assignment }) =>
    result.candidates[assignment[0]!]
  );
  const expected = ["performance, quantile ranges", "mixed", "performance, no bias correction"];
  assert.ok(tries.length > 0);
  assert.deepEqual(tries, expected.slice(0, tries.length));
  await assert.rejects(quantize({ ...smallOptions(), tryFirst: ["magic"] }), {
    name: "UsageError",
    message: 'Cannot use try_first: "magic", expected mixed, quantile, mse, bias_correction, no_bias_correction',
  });
});

Deno.test("quantizeModel() searches quantization parameters with tuneHyperparams", needsGpu, async () => {
  const result = await quantize(smallOptions({ tuneHyperparams: true, mend: false }));
  const step = result.accuracy.trace.find(({ action }) => action === "tune");
  assert.ok(step);
  const tuned = result.candidates[step.assignment[0]!]!;
  assert.match(tuned, /^(performance|tuned: .*)$/);
  const labels = result.candidates.filter((label) => label.startsWith("tuned: "));
  assert.ok(labels.some((label) => label.includes("quantile 0.001")), `candidates ${result.candidates}`);
  assert.ok(labels.some((label) => label.endsWith("no bias correction")), `candidates ${result.candidates}`);
});

Deno.test("quantizeModel() ranks by the distance of outputs", needsGpu, async () => {
  for (const ranking of ["kl", "nmse", "cosine"] as const) {
    const { accuracy: found } = await quantize(smallOptions({ ranking }));
    const scores = found.trace.find(({ action }) => action === "rank")!.ranking!.scores.map(({ score }) => score);
    assert.ok(scores.every((score) => score < 0 && Number.isFinite(score)), `${ranking}: ${scores}`);
    assert.equal(found.reached, true);
  }
});

Deno.test(
  "sweepQuantization() gives for each drop the model of a run of its own, for little more than one",
  needsGpu,
  async () => {
    const drops = [0.05, 0, 0.02];
    const options = smallOptions({ mend: false });
    using runtime = await Runtime.open();
    const entries = await sweepQuantization(runtime, model, drops, options);
    const reports = [];
    let total = 0;
    let tightest = 0;
    for (const [index, { maximalDrop, result }] of entries.entries()) {
      assert.equal(maximalDrop, drops[index]);
      const alone = await quantize({ ...options, accuracy: { ...options.accuracy, maximalDrop } });
      assert.deepEqual(result.bytes, alone.bytes, `the model within ${maximalDrop}`);
      assert.deepEqual(result.values, alone.values);
      total += result.accuracy.cost.networkEquivalents;
      if (maximalDrop === 0) tightest = alone.accuracy.cost.networkEquivalents;
      const report = await reportQuantization({ runtime, model, options, result, outputName: "model.onnx" });
      reports.push({ maximalDrop, folder: String(maximalDrop), report });
    }
    assert.ok(total <= 1.1 * tightest, `${total} forward passes, ${tightest} for the smallest drop alone`);
    const sweep = buildSweepReport(reports);
    assert.deepEqual(sweep.rows.map(({ model }) => model), drops.map((drop) => `${drop}/model.onnx`));
    assert.equal(encodeSweepCsv(sweep).split("\n").length, drops.length + 2);
    const plot = await renderSweepPlot(sweep);
    assert.match(plot, /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    assert.ok(!plot.includes("var(") && plot.includes("≤ 0.05"), "the plot stands alone");
  },
);

Deno.test("rankModel() lists every group, the most sensitive first", needsGpu, async () => {
  using runtime = await Runtime.open();
  const table = await rankModel(runtime, model, smallOptions());
  assert.deepEqual(table.groups.map(({ group }) => group).sort(), ["conv1", "conv2", "linear", "pool"]);
  assert.deepEqual(table.groups.map(({ rank }) => rank), [1, 2, 3, 4]);
  const scores = table.groups.map(({ score }) => score!);
  assert.deepEqual(scores, [...scores].sort((a, b) => b - a));
  assert.ok(Math.abs(table.groups.reduce((sum, { macs }) => sum + macs, 0) - 1) < 1e-9);
  const { accuracy: loop } = await quantize(smallOptions());
  const first = loop.trace.find(({ action }) => action === "rank")!.ranking!.scores[0]!.group;
  assert.equal(table.groups[0]?.group, ["conv1", "conv2", "pool", "linear"][first]);
});

Deno.test("quantizeModel() finds its way by a caller's own evaluation", needsGpu, async () => {
  const samples = drawnSamples(24);
  const calibration = datasetFromArrays({ inputs: samples });
  const own = await quantize({
    dataset: calibration,
    metrics: [],
    accuracy: { maximalDrop: 0.05, rankingSubsetSize: 8 },
    evaluate: {
      sampleCount: 24,
      metrics: [{ name: "norm", direction: "higher_better" }],
      async evaluate(network, indices) {
        const perSample = new Float64Array(indices.length);
        for (const [place, index] of indices.entries()) {
          const x = { ...samples, shape: [1, 2, 6, 6], data: samples.data.slice(72 * index, 72 * (index + 1)) };
          const [output] = await network.run({ x });
          perSample[place] = Math.hypot(...output!.data);
        }
        const norm = perSample.reduce((sum, value) => sum + value, 0) / perSample.length;
        return { values: { norm }, perSample: { norm: perSample } };
      },
    },
  });
  assert.equal(own.samples, 24);
  assert.equal(own.accuracy.reached, true);
  assert.ok(own.accuracy.baseline["norm"]! > 0 && own.accuracy.quantized["norm"] !== own.accuracy.baseline["norm"]);
});
