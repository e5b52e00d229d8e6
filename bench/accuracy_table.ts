/**
 * Accuracy of float and int8 networks, for docs/accuracy.md: presets with and without bias correction, and other estimators of
 * ranges, every group quantized. Networks are those of ../shared/data, where it is there, and the embedded one.
 *
 *     deno run -A bench/accuracy_table.ts [--limit N] [--network NAME,…] [--recipe "LABEL;…"] [--json FILE] [--parity N]
 *
 * Prints a table in Markdown. `--limit`: validation samples per network; `--parity`: samples on which the exported performance
 * recipe is also run by ONNX Runtime.
 */
import { parseArgs } from "node:util";
import { measureParity, type Parity } from "./ort_parity.ts";
import { loadModel, openDataset, openMetrics, Runtime } from "../mod.ts";
import type { QuantizeOptions } from "../src/api/quantize_options.ts";
import { Workbench } from "../src/api/workbench.ts";
import { FLOAT } from "../src/base/precision.ts";
import { exportGraph } from "../src/graph/export.ts";
import { encodeModel } from "../src/onnx/encode.ts";
import type { CalibrationOptions } from "../src/quantize/default_quantization.ts";

/** A network with its data and metrics. */
interface Row {
  readonly name: string;
  readonly model: string;
  readonly dataset: string;
  readonly calibration: string;
  readonly metric: string;
  /** Calibration samples; 300 unless stated. */
  readonly calibrationSamples?: number;
  readonly options?: Partial<QuantizeOptions>;
}

const SHARED = new URL("../../shared/data/", import.meta.url).pathname;
const EMBEDDED = new URL("../models/fashion_mnist/", import.meta.url).pathname;

const ROWS: readonly Row[] = [
  {
    name: "mobilenet_v3_fashion",
    model: `${EMBEDDED}mobilenet_v3_fashion.onnx`,
    dataset: EMBEDDED,
    calibration: `${EMBEDDED}dataset.calibration.json`,
    metric: "accuracy",
  },
  shared("mlperf_tiny_kws_dscnn", "kws01_test", "kws01_calibration", { calibrationSamples: 100 }),
  shared("mlperf_tiny_resnet8_cifar10", "cifar10_test/dataset.raw.json", "cifar10_calibration/dataset.raw.json"),
  shared("cifar10_resnet20", "cifar10_test", "cifar10_calibration"),
  shared("cifar10_resnet20_bn_unfused", "cifar10_test", "cifar10_calibration"),
  shared("mobilenet_v1_0.25_224", "imagenet_val/dataset.tf.json", "imagenet_calibration/dataset.tf.json"),
  shared("squeezenet1.1_224", "imagenet_val", "imagenet_calibration"),
  shared("mobilenet_v2_1.0_224", "imagenet_val/dataset.tf1001.json", "imagenet_calibration/dataset.tf.json"),
  shared("use_lite_sst2", "sst2_test", "sst2_calibration", { calibrationSamples: 100 }),
  {
    ...shared("use_lite_sst2", "sst2_test", "sst2_calibration", { calibrationSamples: 100 }),
    name: "use_lite_sst2, model_type transformer",
    options: { modelType: "transformer" },
  },
  shared("fastestdet_coco_352", "coco_val_subset", "coco_calibration", {
    metric: "coco_map:adapter=fastestdet",
    calibrationSamples: 100,
  }),
  shared("deeplabv3_mnv2_voc_257", "voc2012_val_257", "voc2012_calibration_257", {
    metric: "mean_iou",
    calibrationSamples: 100,
  }),
  shared("ppocrv4_rec_48x480", "sroie_lines", "sroie_lines_calibration", {
    metric: "line_accuracy",
    calibrationSamples: 48,
  }),
];

function shared(model: string, dataset: string, calibration: string, more: Partial<Row> = {}): Row {
  return {
    name: model,
    model: `${SHARED}models/${model}.onnx`,
    dataset: `${SHARED}datasets/${dataset}`,
    calibration: `${SHARED}datasets/${calibration}`,
    metric: "accuracy",
    ...more,
  };
}

/** Recipes, every one applied to the whole network. */
const RECIPES: Readonly<Record<string, CalibrationOptions>> = {
  performance: {},
  "performance, no BC": { biasCorrection: false },
  "performance, full BC": { biasCorrection: { fast: false } },
  mixed: { preset: "mixed" },
  "mixed, no BC": { preset: "mixed", biasCorrection: false },
  // On the command line for NPUs alone: elsewhere its asymmetric weights are slow or not executable.
  accuracy: { preset: "accuracy" },
  "accuracy, no BC": { preset: "accuracy", biasCorrection: false },
  MSE: { activationRange: { preset: "mse" }, biasCorrection: false },
  quantile: { activationRange: { preset: "quantile" }, biasCorrection: false },
};

/** Values of one network: recipe → metric, `float` among them. */
interface Measured {
  readonly name: string;
  readonly metric: string;
  readonly samples: number;
  readonly values: Readonly<Record<string, number>>;
  readonly parity?: Parity;
}

async function measure(
  runtime: Runtime,
  row: Row,
  options: { readonly limit: number | undefined; readonly recipes: readonly string[]; readonly parity: number },
): Promise<Measured> {
  const [dataset, calibration] = [await openDataset(row.dataset), await openDataset(row.calibration)];
  try {
    const metrics = await openMetrics([row.metric]);
    const metric = metrics[0]!.name;
    const bench = await Workbench.open(runtime, await loadModel(row.model), {
      dataset,
      calibration,
      metrics,
      limit: options.limit,
      statSubsetSize: row.calibrationSamples,
      ...row.options,
    });
    const candidates = [];
    for (const label of options.recipes) candidates.push(await bench.addCandidate({ ...RECIPES[label], label }));
    using session = await bench.openSession();
    using opened = bench.openEvaluator(session, bench.data.decisions, false);
    const uniform = (state: number) => bench.prepared.layout.groups.map(() => state);
    const values: Record<string, number> = {};
    for (const [place, label] of ["float", ...options.recipes].entries()) {
      const { values: found } = await opened.evaluator.evaluate(uniform(candidates[place - 1] ?? FLOAT));
      values[label] = found[metric]!;
      console.error(`${row.name}: ${label} ${values[label]}`);
    }
    const measured = { name: row.name, metric, samples: bench.data.decisions.length, values };
    if (options.parity === 0) return measured;
    const bytes = new Uint8Array(encodeModel(exportGraph(bench.quantizedGraph(uniform(0)))));
    const parity = await measureParity(runtime, bytes, row.dataset, { limit: options.parity, metric: row.metric });
    return { ...measured, parity };
  } finally {
    dataset.close();
    calibration.close();
  }
}

/** Rows as Markdown; values in percent, differences from float in points. */
function formatRows(rows: readonly Measured[], recipes: readonly string[]): string {
  const percent = (value: number) => (100 * value).toFixed(2);
  const header = ["network", "metric", "samples", "float", ...recipes, "agreement with ONNX Runtime"];
  const lines = rows.map(({ name, metric, samples, values, parity }) => [
    name,
    metric,
    String(samples),
    percent(values["float"]!),
    ...recipes.map((label) => {
      const change = 100 * (values[label]! - values["float"]!);
      return `${percent(values[label]!)} (${change > 0 ? "+" : ""}${change.toFixed(2)})`;
    }),
    parity
      ? `${percent(parity.agreement ?? NaN)} of ${parity.samples}, ${percent(parity.identical)} identical; ${
        percent(parity.holdfast)
      } / ${percent(parity.onnxRuntime)}`
      : "",
  ]);
  return [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      limit: { type: "string" },
      network: { type: "string" },
      recipe: { type: "string" },
      json: { type: "string" },
      parity: { type: "string", default: "0" },
    },
  });
  const wanted = values.network?.split(",");
  const recipes = Object.keys(RECIPES).filter((label) => values.recipe?.split(";").includes(label) ?? true);
  const results: Measured[] = [];
  using runtime = await Runtime.open();
  for (const row of ROWS) {
    if (wanted && !wanted.includes(row.name)) continue;
    try {
      await Deno.stat(row.model);
    } catch {
      console.error(`SKIPPED: ${row.name}, its file is not there`);
      continue;
    }
    results.push(
      await measure(runtime, row, {
        limit: values.limit ? Number(values.limit) : undefined,
        recipes,
        parity: Number(values.parity),
      }),
    );
    if (values.json) await Deno.writeTextFile(values.json, JSON.stringify(results, undefined, 2));
    console.log(formatRows(results.slice(-1), recipes));
  }
  console.log(formatRows(results, recipes));
}
