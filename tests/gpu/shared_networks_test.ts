/** Real networks: the float path gives what ONNX Runtime gives, and the accuracy that is known of each. */
import assert from "node:assert/strict";
import { accuracy, evaluateModel, loadModel, meanMetric, openDataset, Runtime } from "../../mod.ts";
import { relativeError } from "../../bench/ort_parity.ts";
import { runOnnxRuntime } from "../../bench/onnxruntime.ts";
import { openTestGpu } from "../support/adapter.ts";
import { sharedData } from "../support/shared_data.ts";

/** Network, dataset, samples to run here, and how many of them are right (measured with ONNX Runtime, CPU, float32). */
const NETWORKS = [
  { model: "cifar10_resnet20.onnx", data: "cifar10_test/dataset.json", samples: 500 },
  { model: "cifar10_resnet20_bn_unfused.onnx", data: "cifar10_test/dataset.json", samples: 200 },
  { model: "mlperf_tiny_resnet8_cifar10.onnx", data: "cifar10_test/dataset.raw.json", samples: 500 },
  { model: "mobilenet_v1_0.25_224.onnx", data: "imagenet_val/dataset.tf.json", samples: 64 },
  { model: "mobilenet_v2_1.0_224.onnx", data: "imagenet_val/dataset.tf1001.json", samples: 32 },
  { model: "squeezenet1.1_224.onnx", data: "imagenet_val/dataset.json", samples: 32 },
  { model: "mlperf_tiny_kws_dscnn.onnx", data: "kws01_test/dataset.json", samples: 900 },
] as const;

const probe = await openTestGpu();
probe?.destroy();

for (const { model: name, data, samples } of NETWORKS) {
  const [modelPath, dataPath] = [sharedData(`models/${name}`), sharedData(`datasets/${data}`)];
  Deno.test({
    name: `evaluateModel() agrees with ONNX Runtime on ${name}`,
    ignore: !probe || !modelPath || !dataPath,
    async fn() {
      using runtime = await Runtime.open();
      const dataset = await openDataset(dataPath!);
      try {
        const own: Float32Array[] = [];
        const recorder = meanMetric("recorder", "higher_better", ({ outputs, index }) => {
          own[index] = Float32Array.from(outputs[0]!.data);
          return 0;
        });
        const model = await loadModel(modelPath!);
        const { values } = await evaluateModel(runtime, model, dataset, {
          metrics: [accuracy(), recorder],
          limit: samples,
        });
        const run = accuracy().start(dataset);
        const labels = dataset.labels?.kind === "classes" ? dataset.labels.values : new Int32Array();
        const indices = Array.from({ length: samples }, (_, index) => index);
        await runOnnxRuntime(modelPath!, dataset, indices, (index, outputs) => {
          run.add({ outputs, label: labels[index], index });
          const error = relativeError(own[index]!, outputs[0]!.data);
          assert.ok(error <= 1e-3, `sample ${index} is off by ${error}`);
        });
        assert.equal(values["accuracy"], run.value());
      } finally {
        dataset.close();
      }
    },
  });
}
