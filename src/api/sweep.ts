/** Several allowed drops for the price of the smallest: one trajectory, one model per drop. */
import { sweepMaximalDrop } from "../accuracy/sweep.ts";
import { UsageError } from "../base/errors.ts";
import type { Model } from "./model.ts";
import { finishQuantization, type QuantizeResult } from "./quantize.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import type { Runtime } from "./runtime.ts";
import { withProblem } from "./with_problem.ts";

/** What one allowed drop gives. Its cost is what it added to those of the smaller drops; its seconds are those of the whole sweep. */
export interface SweepEntry {
  /** The drop allowed, as it was asked for. */
  readonly maximalDrop: number;
  /** What this drop gives. */
  readonly result: QuantizeResult;
}

/**
 * Quantizes once per allowed drop, in the order given; each entry equals what `quantizeModel` gives for that drop.
 *
 * ```ts
 * import { accuracy, loadModel, openDataset, Runtime, sweepQuantization } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()] };
 * const drops = [0.001, 0.01];
 * const entries = await sweepQuantization(runtime, model, drops, options);
 * for (const { maximalDrop, result } of entries) console.log(maximalDrop, result.accuracy.drops);
 * ```
 */
export async function sweepQuantization(
  runtime: Runtime,
  model: Model,
  maximalDrops: readonly number[],
  options: QuantizeOptions,
): Promise<SweepEntry[]> {
  const twice = maximalDrops.find((drop, index) => maximalDrops.indexOf(drop) !== index);
  if (maximalDrops.length === 0) throw new UsageError("Cannot sweep maximal_drop: there is no value, expected several");
  if (twice !== undefined) throw new UsageError(`Cannot sweep maximal_drop: ${twice} is given twice`);
  if (options.algorithm === "DefaultQuantization") {
    throw new UsageError("Cannot sweep maximal_drop: DefaultQuantization takes whatever drop there is");
  }
  return await withProblem(runtime, model, options, async (assembled, clock) => {
    const rows = await sweepMaximalDrop(assembled.problem, maximalDrops, assembled.options, assembled.hooks);
    const entries: SweepEntry[] = [];
    for (const { maximalDrop, result } of rows) {
      entries.push({ maximalDrop, result: await finishQuantization(assembled, result, clock) });
    }
    return entries;
  });
}
