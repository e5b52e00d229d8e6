/** What a quantization would do and cost, and the text that says so. */
import { formatBytes, formatCount, formatPlural, formatRate, formatSeconds, formatTable } from "./table.ts";

/** A group as it would be scored. */
export interface ForecastGroup {
  /** Name of its first layer. */
  readonly name: string;
  /** Nodes that compute in int8 with it. */
  readonly nodes: readonly string[];
  /** Share of the network's multiply-accumulates. */
  readonly macs: number;
  /** Share of the network's work from its first node on: what scoring it costs for each sample. */
  readonly suffix: number;
}

/** Work in network equivalents: one sample through the whole network is 1. */
export interface ForecastCost {
  /** Passes over the calibration samples; correcting biases layer by layer comes on top. */
  readonly calibration: number;
  /** The float network and the whole network in int8 over all samples: a run whose target is met at once ends here. */
  readonly evaluation: number;
  /** Scoring every group once, where what comes before it can be kept. */
  readonly ranking: number;
  /** The same as POT does it: from the input on, every time. */
  readonly plainRanking: number;
  /** One change of the network over all samples, at most. */
  readonly attempt: number;
}

/** GPU memory in bytes. */
export interface ForecastMemory {
  /** Of a batch. */
  readonly activations: number;
  /** Weights and other constants in float and of every candidate. */
  readonly constants: number;
  /** Samples, as far as they stay on the GPU. */
  readonly samples: number;
  /** What samples, and activations that are kept to spare work, may take. */
  readonly budget: number;
}

/** What a run would do. */
export interface Forecast {
  /** Name of the model. */
  readonly model: string;
  /** Name of the validation data. */
  readonly dataset: string;
  /** The adapter that would compute. */
  readonly adapter: string;
  /** Names of the metrics to keep. */
  readonly metrics: readonly string[];
  /** The drop that is allowed. */
  readonly maximalDrop: number;
  /** Samples that decisions would be made on. */
  readonly samples: number;
  /** Samples that ranges would be measured on. */
  readonly calibrationSamples: number;
  /** Samples that groups would be scored on. */
  readonly rankingSamples: number;
  /** Samples per batch. */
  readonly batchSize: number;
  /** Ways to quantize that the loop would choose among. */
  readonly candidates: readonly string[];
  /** Layers that would change precision together, in the order of the network. */
  readonly groups: readonly ForecastGroup[];
  /** Quantizable layers that stay in float, and why. */
  readonly skipped: Readonly<Record<string, string>>;
  /** Work of the parts of a run. */
  readonly cost: ForecastCost;
  /** Wall clock of one network equivalent, measured on `timedSamples` of the float network. */
  readonly secondsPerSample: number;
  /** Samples behind `secondsPerSample`. */
  readonly timedSamples: number;
  /** GPU memory that a run would take. */
  readonly memory: ForecastMemory;
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** @internal Plan, groups, cost, memory. */
export function formatForecast(forecast: Forecast): string {
  const { groups, cost, memory, candidates, secondsPerSample } = forecast;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const row = (what: string, passes: number, remark: string) => [
    `  ${what}`,
    formatCount(passes),
    formatSeconds(passes * secondsPerSample),
    remark,
  ];
  const skipped = Object.keys(forecast.skipped);
  return [
    `Nothing is quantized or written: ${forecast.model} would be, keeping ${
      forecast.metrics.join(", ")
    } within ${forecast.maximalDrop}`,
    "",
    formatTable([
      [
        "Data",
        `${formatPlural(forecast.samples, "sample")} of ${forecast.dataset}, ${
          formatCount(forecast.calibrationSamples)
        } for calibration`,
      ],
      ["Batch", formatCount(forecast.batchSize)],
      ["Recipes", candidates.join("; ")],
      ["Groups", `${formatCount(groups.length)}${skipped.length === 0 ? "" : `; in float stay ${skipped.join(", ")}`}`],
      ["Speed", `${formatRate(1 / secondsPerSample)} samples/s, measured on ${formatCount(forecast.timedSamples)}`],
      ["Adapter", forecast.adapter],
    ]),
    "",
    "Group, share of the work, and what scoring it costs of a whole pass",
    formatTable(groups.map(({ name, nodes, macs, suffix }) => [
      `  ${name}`,
      percent(macs),
      percent(suffix),
      nodes.length > 1 ? formatPlural(nodes.length, "node") : "",
    ])),
    "",
    "Cost in forward passes of a sample, and time",
    formatTable([
      row("calibration", cost.calibration, "correcting biases in turn comes on top"),
      row("float and int8, all samples", cost.evaluation, "a target that is met at once takes no more"),
      row("one ranking of the groups", cost.ranking, `POT's takes ${formatCount(cost.plainRanking)}`),
      row("one attempt, at most", cost.attempt, "every group that goes back to float is one"),
    ]),
    "",
    "GPU memory",
    formatTable([
      ["  activations of a batch", formatBytes(memory.activations)],
      ["  weights, float and of every recipe", formatBytes(memory.constants)],
      ["  samples", formatBytes(memory.samples)],
      ["  kept to spare work, with the samples at most", formatBytes(memory.budget)],
    ]),
  ].join("\n");
}
