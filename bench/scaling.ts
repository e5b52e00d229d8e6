/** How time grows with layers, batch, channels, samples and nodes. */
import { loadModel } from "../src/api/model.ts";
import { evaluateModel } from "../src/api/evaluate.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { datasetFromArrays } from "../src/data/memory_dataset.ts";
import { accuracy } from "../src/evaluate/metric.ts";
import { exportGraph } from "../src/graph/export.ts";
import { encodeModel } from "../src/onnx/encode.ts";
import { inferTypes } from "../src/ops/infer.ts";
import { runPasses } from "../src/passes/run_passes.ts";
import { buildPlan } from "../src/plan/build.ts";
import { prepare } from "../src/quantize/prepare.ts";
import { Session } from "../src/run/session.ts";
import { type Contender, gpuTime, growthExponent, interleave, wallTime } from "./measure.ts";
import { inputsFor, inputTypes, planFor } from "./networks.ts";
import type { Bench, Section, Value } from "./section.ts";
import { type Chain, convolutionChain } from "./synthetic.ts";

/** Something that is varied, and the time of each size. */
interface Variation {
  readonly what: string;
  readonly sizes: readonly number[];
  readonly expected: string;
  open(bench: Bench, size: number): Promise<Contender & Partial<Disposable>>;
}

const VARIATIONS: readonly Variation[] = [
  {
    what: "layers of 3×3 convolution, GPU",
    sizes: [2, 4, 8, 16, 32],
    expected: "1",
    open: (bench, layers) => openChain(bench, { layers, channels: 32, size: 28 }, 4),
  },
  {
    what: "batch, GPU",
    sizes: [1, 2, 4, 8, 16, 32],
    expected: "1, less where a small batch leaves the adapter idle",
    open: (bench, batch) => openChain(bench, { layers: 4, channels: 32, size: 28 }, batch),
  },
  {
    what: "channels in and out, GPU",
    sizes: [16, 32, 64, 128],
    expected: "2: the work is the square",
    open: (bench, channels) => openChain(bench, { layers: 2, channels, size: 28 }, 4),
  },
  {
    what: "samples of an evaluation, wall clock",
    sizes: [256, 512, 1024, 2048, 4096],
    expected: "1, less where starting costs more than running",
    open: openEvaluation,
  },
  {
    what: "nodes of a network, passes and plan on the host",
    sizes: [250, 500, 1000, 2000],
    expected: "1",
    open: openPlanning,
  },
];

/** Times over sizes, with the exponent of the growth. */
export const scalingSection: Section = {
  name: "scaling",
  async run(bench) {
    const rows: Value[][] = [];
    for (const { what, sizes: all, expected, open } of VARIATIONS) {
      bench.say(`scaling: ${what}`);
      const sizes = bench.isQuick ? all.slice(0, 3) : all;
      const contenders = [];
      for (const size of sizes) contenders.push(await open(bench, size));
      const times = await interleave(contenders, bench.effort);
      for (const contender of contenders) contender[Symbol.dispose]?.();
      rows.push([
        what,
        sizes.join(", "),
        times.map((time) => time.toFixed(time < 10 ? 2 : 0)).join(", "),
        growthExponent(sizes, times),
        expected,
      ]);
    }
    return {
      title: "Growth",
      columns: ["varied", "sizes", "ms", "exponent", "expected"],
      rows,
      remarks: [],
    };
  },
};

async function openChain(
  { gpu, pipelines, tick }: Bench,
  chain: Chain,
  batch: number,
): Promise<Contender & Disposable> {
  const graph = convolutionChain(chain);
  const session = await Session.create(gpu, pipelines, planFor(gpu, graph, batch).plan);
  for (const [name, tensor] of inputsFor(graph, batch)) session.writeInput(name, tensor);
  return {
    name: "chain",
    run: () => gpuTime(gpu, tick, (encoder) => session.encode(encoder)),
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}

/** Labelled noise. */
export function noiseDataset(samples: number, shape: readonly number[]): Dataset {
  const length = shape.reduce((product, extent) => product * extent, samples);
  const data = new Uint8Array(length);
  for (let index = 0; index < length; index++) data[index] = (index * 2654435761) >>> 24;
  return datasetFromArrays({
    inputs: { dtype: "uint8", shape: [samples, ...shape], data },
    labels: new Int32Array(samples),
    normalization: { mean: [127], std: [64] },
  });
}

async function openEvaluation({ runtime }: Bench, samples: number): Promise<Contender> {
  const dataset = noiseDataset(samples, [8, 16, 16]);
  const graph = convolutionChain({ layers: 2, channels: 8, size: 16 });
  const model = await loadModel(new Uint8Array(encodeModel(exportGraph(graph))));
  return {
    name: "evaluation",
    run: async () => 1000 * (await evaluateModel(runtime, model, dataset, { metrics: [accuracy()] })).seconds,
  };
}

function openPlanning({ gpu }: Bench, nodeCount: number): Promise<Contender> {
  // Conv, Relu and every second time an Add.
  const graph = convolutionChain({
    layers: Math.round(nodeCount / 2.5),
    channels: 4,
    size: 4,
    residuals: true,
    kernel: 1,
  });
  const types = inputTypes(graph, 8);
  const plan = () => {
    const prepared = prepare(inferTypes(runPasses(graph, types), types));
    return buildPlan(inferTypes(prepared.graph, types), prepared.layout.quantizers, { target: gpu.kernelTarget });
  };
  return Promise.resolve({ name: "plan", run: () => wallTime(() => Promise.resolve(plan())) });
}
