/**
 * Real networks: the float path gives what ONNX Runtime gives, and the value of the metric that is known of each. A few samples unless
 * HOLDFAST_SHARED_SAMPLES=all, which takes most of an hour on a software adapter.
 */
import assert from "node:assert/strict";
import { evaluateModel, loadModel, meanMetric, type Metric, openDataset, openMetrics, Runtime } from "../../mod.ts";
import { relativeError } from "../../bench/ort_parity.ts";
import { runOnnxRuntime } from "../../bench/onnxruntime.ts";
import type { HostTensor } from "../../src/base/tensor.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { Gathering } from "../../src/evaluate/gathering.ts";
import { outputViews } from "../../src/evaluate/output_views.ts";
import { openTestGpu } from "../support/adapter.ts";
import { sharedData } from "../support/shared_data.ts";

interface SharedNetwork {
  readonly model: string;
  readonly data: string;
  /** Samples to run here. */
  readonly samples: number;
  /** Metric → value over all samples, measured with ONNX Runtime (CPU, float32) and each task's usual tools. */
  readonly values: Readonly<Record<string, number>>;
}

const NETWORKS: readonly SharedNetwork[] = [
  {
    model: "cifar10_resnet20.onnx",
    data: "cifar10_test/dataset.json",
    samples: 500,
    values: { accuracy: 4628 / 5000 },
  },
  {
    model: "cifar10_resnet20_bn_unfused.onnx",
    data: "cifar10_test/dataset.json",
    samples: 200,
    values: { accuracy: 4628 / 5000 },
  },
  {
    model: "mlperf_tiny_resnet8_cifar10.onnx",
    data: "cifar10_test/dataset.raw.json",
    samples: 500,
    values: { accuracy: 4349 / 5000 },
  },
  {
    model: "mobilenet_v1_0.25_224.onnx",
    data: "imagenet_val/dataset.tf.json",
    samples: 64,
    values: { accuracy: 644 / 1000 },
  },
  {
    model: "mobilenet_v2_1.0_224.onnx",
    data: "imagenet_val/dataset.tf1001.json",
    samples: 32,
    values: { accuracy: 792 / 1000 },
  },
  {
    model: "squeezenet1.1_224.onnx",
    data: "imagenet_val/dataset.json",
    samples: 32,
    values: { accuracy: 695 / 1000 },
  },
  {
    model: "mlperf_tiny_kws_dscnn.onnx",
    data: "kws01_test/dataset.json",
    samples: 900,
    values: { accuracy: 819 / 900 },
  },
  {
    model: "use_lite_sst2.onnx",
    data: "sst2_test/dataset.json",
    samples: 64,
    values: { accuracy: 689 / 872 },
  },
  {
    model: "ppocrv4_rec_48x480.onnx",
    data: "sroie_lines/dataset.json",
    samples: 8,
    values: { line_accuracy: 542 / 601, character_accuracy: 0.98556 },
  },
  {
    model: "deeplabv3_mnv2_voc_257.onnx",
    data: "voc2012_val_257/dataset.json",
    samples: 4,
    values: { mean_iou: 0.63594, pixel_accuracy: 0.90585 },
  },
  {
    model: "fastestdet_coco_352.onnx",
    data: "coco_val_subset/dataset.json",
    samples: 8,
    values: { "coco_map:adapter=fastestdet": 0.10577, "coco_map50:adapter=fastestdet": 0.2208 },
  },
];

/** Samples whose outputs are compared one by one. */
const COMPARED = 500;

const runsAll = Deno.env.get("HOLDFAST_SHARED_SAMPLES") === "all";
const probe = await openTestGpu();
probe?.destroy();

/** The metrics over outputs that ONNX Runtime gave. */
async function valuesOf(metrics: readonly Metric[], dataset: Dataset, outputs: readonly (readonly HostTensor[])[]) {
  const types = outputs[0]!.map(({ dtype, shape }, slot) => ({
    name: `output ${slot}`,
    type: { dtype, shape: [1, ...shape] },
    slot,
  }));
  const [gathering] = await Gathering.start(dataset, metrics, outputViews(types, metrics), [...outputs.keys()], 1);
  outputs.forEach((tensors, index) => gathering!.take(index, tensors));
  return gathering!.finish().values;
}

for (const { model: name, data, samples, values: known } of NETWORKS) {
  const [modelPath, dataPath] = [sharedData(`models/${name}`), sharedData(`datasets/${data}`)];
  Deno.test({
    name: `evaluateModel() agrees with ONNX Runtime on ${name}`,
    ignore: !probe || !modelPath || !dataPath,
    async fn() {
      using runtime = await Runtime.open();
      const dataset = await openDataset(dataPath!);
      try {
        const compared = Math.min(samples, COMPARED);
        const own: Float32Array[] = [];
        const recorder = meanMetric("recorder", "higher_better", ({ outputs, index }) => {
          own[index] = Float32Array.from(outputs[0]!.data);
          return 0;
        });
        const metrics = await openMetrics(Object.keys(known));
        const model = await loadModel(modelPath!);
        const { values } = await evaluateModel(runtime, model, dataset, {
          metrics: [...metrics, recorder],
          limit: compared,
        });
        const expected: (readonly HostTensor[])[] = [];
        await runOnnxRuntime(modelPath!, dataset, [...own.keys()], (index, outputs) => {
          expected[index] = outputs;
          const error = relativeError(own[index]!, outputs[0]!.data);
          assert.ok(error <= 1e-3, `sample ${index} is off by ${error}`);
        });
        // A pixel or a box on the other side of a boundary is not an error.
        for (const [metric, value] of Object.entries(await valuesOf(metrics, dataset, expected))) {
          assert.ok(Math.abs(values[metric]! - value) < 1e-3, `${metric} is ${values[metric]}, expected ${value}`);
        }
      } finally {
        dataset.close();
      }
    },
  });

  Deno.test({
    name: `evaluateModel() gives the known values of ${name}`,
    ignore: !probe || !modelPath || !dataPath || !(runsAll || name === "mlperf_tiny_kws_dscnn.onnx"),
    async fn() {
      using runtime = await Runtime.open();
      const dataset = await openDataset(dataPath!);
      try {
        const metrics = await openMetrics(Object.keys(known));
        const { values } = await evaluateModel(runtime, await loadModel(modelPath!), dataset, { metrics });
        metrics.forEach(({ name: metric }, place) => {
          const value = Object.values(known)[place]!;
          assert.ok(Math.abs(values[metric]! - value) < 6e-6, `${metric} is ${values[metric]}, expected ${value}`);
        });
      } finally {
        dataset.close();
      }
    },
  });
}
