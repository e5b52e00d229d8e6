/** Metrics that need no labels: how far a network's outputs are from those of the float network. */
import { ModelError } from "../base/errors.ts";
import type { MetricDirection } from "../base/precision.ts";
import type { HostTensor } from "../base/tensor.ts";
import { argMax, meanMetric, type Metric } from "./metric.ts";
import { cosineSimilarity, meanSquaredError, type Similarity } from "./similarity.ts";

/**
 * Share of samples on which the first output's highest value stands where the float network has it.
 *
 * ```ts
 * import { evaluateModel, loadModel, openDataset, Runtime, topAgreement } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const [float, quantized] = [await loadModel("model.onnx"), await loadModel("model.int8.onnx")];
 * const options = { metrics: [topAgreement()], reference: float };
 * const { values } = await evaluateModel(runtime, quantized, await openDataset("validation"), options);
 * console.log(values);
 * ```
 */
export function topAgreement(): Metric {
  return comparison("agreement", "higher_better", (found, wanted) => argMax(found) === argMax(wanted) ? 1 : 0);
}

/**
 * Mean squared difference of the first output from the float network's.
 *
 * ```ts
 * import { evaluateModel, floatSquaredError, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const [float, quantized] = [await loadModel("model.onnx"), await loadModel("model.int8.onnx")];
 * const options = { metrics: [floatSquaredError()], reference: float };
 * const { values } = await evaluateModel(runtime, quantized, await openDataset("validation"), options);
 * console.log(values);
 * ```
 */
export function floatSquaredError(): Metric {
  return comparison("float_mse", "lower_better", meanSquaredError);
}

/**
 * Mean cosine between the first output and the float network's.
 *
 * ```ts
 * import { evaluateModel, floatCosine, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const [float, quantized] = [await loadModel("model.onnx"), await loadModel("model.int8.onnx")];
 * const options = { metrics: [floatCosine()], reference: float };
 * const { values } = await evaluateModel(runtime, quantized, await openDataset("validation"), options);
 * console.log(values);
 * ```
 */
export function floatCosine(): Metric {
  return comparison("float_cosine", "higher_better", cosineSimilarity);
}

function comparison(name: string, direction: MetricDirection, measure: Similarity): Metric {
  const metric = meanMetric(name, direction, ({ outputs, reference }) => {
    const [found, wanted] = [firstOf(outputs, name), firstOf(reference, name)];
    return measure(found.data, wanted.data);
  });
  return { ...metric, comparesToFloat: true };
}

function firstOf(outputs: readonly HostTensor[] | undefined, name: string): HostTensor {
  const [first] = outputs ?? [];
  if (first) return first;
  throw new ModelError(`Cannot compute ${name}: the outputs of the float network are not known`);
}
