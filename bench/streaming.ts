/** Many samples through little memory. */
import { evaluateModel } from "../src/api/evaluate.ts";
import { loadModel } from "../src/api/model.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { accuracy } from "../src/evaluate/metric.ts";
import { exportGraph } from "../src/graph/export.ts";
import { encodeModel } from "../src/onnx/encode.ts";
import { noiseDataset } from "./scaling.ts";
import type { Section, Value } from "./section.ts";
import { convolutionChain } from "./synthetic.ts";

const MIB = 1024 * 1024;
const SHAPE = [3, 32, 32];

/** Memory budgets: one that all samples fit in as bytes, and one that they do not. */
const BUDGETS = [["resident on the GPU", 1024], ["streamed", 64]] as const;

/** Speed and memory of evaluating many samples. */
export const streamingSection: Section = {
  name: "streaming",
  async run(bench) {
    const samples = bench.isQuick ? 5000 : 50_000;
    const graph = convolutionChain({ layers: 2, channels: 3, size: 32 });
    const model = await loadModel(new Uint8Array(encodeModel(exportGraph(graph))));
    const rows: Value[][] = [];
    for (const [kind, budget] of BUDGETS) {
      bench.say(`streaming: ${kind}`);
      const dataset = repeated(noiseDataset(64, SHAPE), samples);
      await evaluateModel(bench.runtime, model, dataset, {
        metrics: [accuracy()],
        limit: 256,
        memoryBudget: budget * MIB,
      });
      const before = Deno.memoryUsage().rss;
      let peak = before;
      const { seconds } = await evaluateModel(bench.runtime, model, dataset, {
        metrics: [accuracy()],
        memoryBudget: budget * MIB,
        onProgress: () => peak = Math.max(peak, Deno.memoryUsage().rss),
      });
      rows.push([kind, samples, budget, samples / seconds, (peak - before) / MIB]);
    }
    return {
      title: "Evaluating many samples of 3 × 32 × 32 bytes",
      columns: ["samples are", "samples", "memory budget, MiB", "samples/s", "growth of the process, MiB"],
      rows,
      remarks: ["On a software adapter what is resident on the GPU lies in the memory of the process."],
    };
  },
};

/** The samples of a dataset over and over, without taking memory for them. */
function repeated(dataset: Dataset, length: number): Dataset {
  const index = (sample: number) => sample % dataset.length;
  return {
    ...dataset,
    length,
    labels: { kind: "classes", values: new Int32Array(length) },
    sampleName: (sample) => `${sample}`,
    sha256: () => dataset.sha256(),
    read: (indices, signal) => dataset.read(indices.map(index), signal),
    close: () => dataset.close(),
  };
}
