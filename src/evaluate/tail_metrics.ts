/** Metrics of networks that end on the host. */
import type { HostTensor } from "../base/tensor.ts";
import { type HostTail, runTail } from "../passes/host_tail.ts";
import type { Metric } from "./metric.ts";

/**
 * The same metrics for an evaluator of the device graph: each sample's outputs go through the tail first, once for all metrics. Nothing is
 * reduced on the GPU, since the tail needs all values.
 */
export function metricsBehind(tail: HostTail | undefined, metrics: readonly Metric[]): readonly Metric[] {
  if (!tail) return metrics;
  const finished = new WeakMap<readonly HostTensor[], readonly HostTensor[]>();
  const finish = (outputs: readonly HostTensor[]): readonly HostTensor[] => {
    let result = finished.get(outputs);
    if (!result) finished.set(outputs, result = finishSample(tail, outputs));
    return result;
  };
  return metrics.map(({ reduction: _, ...metric }): Metric => ({
    ...metric,
    start(dataset) {
      const run = metric.start(dataset);
      return {
        add: (sample) =>
          run.add({
            ...sample,
            outputs: finish(sample.outputs),
            ...(sample.reference ? { reference: finish(sample.reference) } : {}),
          }),
        value: () => run.value(),
      };
    },
  }));
}

/** The network's outputs for one sample, without their batch axis, from those of the device graph. */
function finishSample(tail: HostTail, rows: readonly HostTensor[]): HostTensor[] {
  return tailOutputs(tail, rows).map((output, place) =>
    tail.isBatched[place] && output.shape[0] === 1 ? { ...output, shape: output.shape.slice(1) } : output
  );
}

/** The network's outputs for one sample from those of the device graph, which may have one batch axis more or less. */
export function tailOutputs(tail: HostTail, rows: readonly HostTensor[]): HostTensor[] {
  return runTail(tail, rows.map((row, place): HostTensor => ({ ...row, shape: tail.inputs[place]!.shape })));
}
