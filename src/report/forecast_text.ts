/** A forecast as text. */
import { formatBytes, formatCount, formatPlural, formatSeconds, formatTable } from "./table.ts";

/** What is shown of a forecast. */
export interface ShownForecast {
  readonly model: string;
  readonly dataset: string;
  readonly adapter: string;
  readonly metrics: readonly string[];
  readonly maximalDrop: number;
  readonly samples: number;
  readonly calibrationSamples: number;
  readonly rankingSamples: number;
  readonly batchSize: number;
  readonly candidates: readonly string[];
  readonly groups: readonly {
    readonly name: string;
    readonly nodes: readonly string[];
    readonly macs: number;
    readonly suffix: number;
  }[];
  readonly skipped: Readonly<Record<string, string>>;
  readonly cost: {
    readonly calibration: number;
    readonly evaluation: number;
    readonly ranking: number;
    readonly plainRanking: number;
    readonly attempt: number;
  };
  readonly secondsPerSample: number;
  readonly timedSamples: number;
  readonly memory: {
    readonly activations: number;
    readonly constants: number;
    readonly samples: number;
    readonly budget: number;
  };
}

/** Plan, groups, cost, memory. */
export function formatForecast(forecast: ShownForecast): string {
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
      ["Speed", `${formatCount(1 / secondsPerSample)} samples/s, measured on ${formatCount(forecast.timedSamples)}`],
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
