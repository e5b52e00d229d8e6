/** The sensitivity table of a model: what each group costs, without reverting any. */
import { rankProblem } from "../accuracy/rank_problem.ts";
import type { Model } from "./model.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import type { Runtime } from "./runtime.ts";
import { withProblem } from "./with_problem.ts";
import { type SensitivityDocument, sensitivityRows } from "./sensitivity.ts";

/**
 * Quantizes everything and scores every group that is not held, as the loop would at its start.
 *
 * ```ts
 * import { accuracy, loadModel, openDataset, rankModel, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const table = await rankModel(runtime, model, { dataset, metrics: [accuracy()] });
 * for (const { group, gain } of table.groups) console.log(group, gain);
 * ```
 */
export async function rankModel(
  runtime: Runtime,
  model: Model,
  options: QuantizeOptions,
): Promise<SensitivityDocument> {
  return await withProblem(runtime, model, options, async (assembled, clock) => {
    const table = await rankProblem(assembled.problem, assembled.options, assembled.hooks);
    clock.finish();
    return {
      version: 1,
      model: { name: model.name, sha256: model.sha256 },
      metric: table.metric,
      ranking: assembled.options.ranking ?? "metric",
      samples: table.indices.length,
      keep_float: options.holds?.keepFloat ?? [],
      keep_int8: options.holds?.keepInt8 ?? [],
      groups: sensitivityRows(table, assembled.bench.groups),
    };
  });
}
