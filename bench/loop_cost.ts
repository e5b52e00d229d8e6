/**
 * What the loop costs, in forward passes of one sample, beside what POT's plain loop spends on the same trace: for the embedded
 * network, and for those of ../shared/data where they are. Usage: deno run -A bench/loop_cost.ts [samples] [part of a network's name]
 */
import { accuracy, formatTable, loadModel, openDataset, quantizeModel, Runtime } from "../mod.ts";
import { sharedData } from "../tests/support/shared_data.ts";

const SAMPLES = Number(Deno.args[0] ?? 64);
const WANTED = Deno.args[1] ?? "";

/** Share of the samples that groups are ranked on; POT's default on a set of 1000. */
const RANKING_SHARE = 0.3;

interface Case {
  readonly name: string;
  readonly model: string | undefined;
  readonly data: string | undefined;
}

const embedded = new URL("../models/fashion_mnist/", import.meta.url).pathname;
const shared = [
  ["cifar10_resnet20.onnx", "cifar10_test/dataset.json"],
  ["mlperf_tiny_resnet8_cifar10.onnx", "cifar10_test/dataset.raw.json"],
  ["mlperf_tiny_kws_dscnn.onnx", "kws01_test/dataset.json"],
  ["mobilenet_v1_0.25_224.onnx", "imagenet_val/dataset.tf.json"],
  ["mobilenet_v2_1.0_224.onnx", "imagenet_val/dataset.tf1001.json"],
  ["squeezenet1.1_224.onnx", "imagenet_val/dataset.json"],
].map(([model, data]): Case => ({
  name: `${model}`,
  model: sharedData(`models/${model}`),
  data: sharedData(`datasets/${data}`),
}));
const cases: Case[] = [
  { name: "mobilenet_v3_fashion.onnx", model: `${embedded}mobilenet_v3_fashion.onnx`, data: embedded },
  ...shared,
];

using runtime = await Runtime.open();
const rows: (readonly (string | number)[])[] = [
  ["network", "groups", "ranking / plain", "evaluations / plain", "total", "POT's loop", "total / POT"],
];
for (const { name, model, data } of cases) {
  if (!model || !data || !name.includes(WANTED)) continue;
  rows.push(await measure(name, model, data));
  console.log(formatTable([rows[0]!, rows.at(-1)!]));
}
console.log(`\n${SAMPLES} samples of each, ${runtime.adapter.description}\n${formatTable(rows)}`);

/** Quantizes without any allowed drop, as far as six attempts lead. */
async function measure(name: string, modelPath: string, dataPath: string): Promise<readonly (string | number)[]> {
  const dataset = await openDataset(dataPath);
  const { accuracy: { trace, cost }, groups } = await quantizeModel(runtime, await loadModel(modelPath), {
    dataset,
    metrics: [accuracy()],
    limit: SAMPLES,
    statSubsetSize: SAMPLES,
    accuracy: {
      maximalDrop: 0,
      // Where int8 loses nothing, more than the float network's accuracy is asked for, so that there is a loop to measure.
      metrics: [{ name: "accuracy", baselineValue: 1.01 }],
      metricSubsetRatio: 1,
      rankingSubsetSize: Math.ceil(SAMPLES * RANKING_SHARE),
      maxIterNum: 6,
      mend: false,
    },
  });
  dataset.close();
  const rankings = trace.filter(({ action }) => action === "rank");
  const full = trace.filter(({ action, evaluations }) => action === "revert" && evaluations > 0);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const plainRanking = sum(rankings.map(({ ranking }) => (ranking?.sampleCount ?? 0) * (ranking?.scores.length ?? 0)));
  const firstFloat = rankings[0] ? SAMPLES : 0;
  const share = (value: number, plain: number) => plain > 0 ? (value / plain).toFixed(2) : "–";
  return [
    name,
    groups.length,
    // The first ranking also evaluates the float network, whose values are given as a number only.
    share(sum(rankings.map(({ networkEquivalents }) => networkEquivalents)) - firstFloat, plainRanking),
    share(sum(full.map(({ networkEquivalents }) => networkEquivalents)), full.length * SAMPLES),
    Math.round(cost.networkEquivalents),
    Math.round(cost.potNetworkEquivalents),
    share(cost.networkEquivalents, cost.potNetworkEquivalents),
  ];
}
