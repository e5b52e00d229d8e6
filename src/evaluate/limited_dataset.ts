/** The first samples of a dataset as a dataset. */
import { createContentHash } from "../data/content_hash.ts";
import type { Dataset } from "../data/dataset.ts";

/** A view of the first `limit` samples; closing it closes the whole. The hash is that of the whole and the limit. */
export function limitDataset(dataset: Dataset, limit: number | undefined): Dataset {
  if (limit === undefined || limit >= dataset.length) return dataset;
  return {
    name: dataset.name,
    length: limit,
    inputs: dataset.inputs,
    labels: dataset.labels,
    classes: dataset.classes,
    sampleName: (index) => dataset.sampleName(index),
    ...(dataset.placement ? { placement: (index: number) => dataset.placement!(index) } : {}),
    async sha256() {
      const hash = createContentHash();
      hash.text(await dataset.sha256());
      hash.values(Int32Array.of(limit));
      return hash.hex();
    },
    read: (indices, signal) => dataset.read(indices, signal),
    close: () => dataset.close(),
  };
}
