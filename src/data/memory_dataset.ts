/** Datasets of arrays that are in memory already: nothing here touches the file system. */
import { DatasetError } from "../base/errors.ts";
import { type HostTensor, misfitOf } from "../base/tensor.ts";
import { inMemory } from "./array_rows.ts";
import { assembleDataset } from "./assembled_dataset.ts";
import type { Dataset, Labels } from "./dataset.ts";
import { arrayInput } from "./input_source.ts";
import { checkCount, labelsFromList } from "./labels.ts";
import type { Layout } from "./pixels.ts";

/** Samples and labels, samples along the first axis of every tensor. */
export interface ArrayDatasetOptions {
  /** The only input, or each input by its name in the network. */
  readonly inputs: HostTensor | Readonly<Record<string, HostTensor>>;
  /** One class index (or class name, given `classes`) per sample, or labels of another kind. */
  readonly labels?: readonly (number | string)[] | Int32Array | Labels;
  /** Names of the classes, by index. */
  readonly classes?: readonly string[];
  /** `y = (x - mean) / std`, a value for all channels or one for each; of every input. */
  readonly normalization?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Says which axis normalization takes for channels; the default is NCHW. */
  readonly layout?: Layout;
  /** Name in reports. */
  readonly name?: string;
}

/**
 * Makes a dataset of arrays; they are not copied.
 *
 * ```ts
 * import { datasetFromArrays } from "@holdfast/holdfast";
 *
 * const data = new Float32Array(10 * 2 * 6 * 6);
 * const dataset = datasetFromArrays({
 *   inputs: { dtype: "float32", shape: [10, 2, 6, 6], data },
 *   labels: [0, 1, 2, 3, 0, 1, 2, 3, 0, 1],
 * });
 * console.log(dataset.length);
 * ```
 */
export function datasetFromArrays(options: ArrayDatasetOptions): Dataset {
  const { inputs, labels, classes, layout = "NCHW", normalization: affine, name = "arrays" } = options;
  if (affine?.std.includes(0)) {
    throw new DatasetError(`Cannot open dataset "${name}": std is 0, expected numbers other than zero`);
  }
  const named: [string | undefined, HostTensor][] = isTensor(inputs) ? [[undefined, inputs]] : Object.entries(inputs);
  const sources = named.map(([input, tensor]) => {
    const what = input === undefined ? "the input" : `input "${input}"`;
    const misfit = misfitOf(tensor);
    if (misfit !== undefined) throw new DatasetError(`Cannot use ${what}: it ${misfit}`);
    return arrayInput(inMemory(tensor, what), { name: input, layout, affine, what });
  });
  return assembleDataset({
    name,
    sources,
    labels: labels === undefined ? undefined : checkedLabels(labels, sources[0]?.length ?? 0, classes),
    classes,
  });
}

function checkedLabels(
  labels: readonly (number | string)[] | Int32Array | Labels,
  samples: number,
  classes: readonly string[] | undefined,
): Labels {
  const context = { what: "in memory", classes };
  if (!("kind" in labels)) return labelsFromList(Array.from<number | string>(labels), samples, context);
  checkCount(labelCount(labels), samples, context.what);
  return labels;
}

function labelCount(labels: Labels): number {
  switch (labels.kind) {
    case "classes":
    case "text":
      return labels.values.length;
    case "tensor":
      return labels.tensor.shape[0] ?? 0;
    case "masks":
      return labels.paths.length;
    case "annotations":
      return labels.boxes.length;
  }
}

function isTensor(inputs: HostTensor | Readonly<Record<string, HostTensor>>): inputs is HostTensor {
  return "data" in inputs && ArrayBuffer.isView(inputs.data);
}
