/** Documents that people write and edit: configurations, descriptions of datasets, tables of sensitivity; and journals. */
import { join } from "node:path";
import { openDataset, parseConfiguration, settingsOf } from "../../../mod.ts";
import { DiskJournal } from "../../../src/api/journal/journal.ts";
import { encodeHeader, encodeRecord, type JournalIdentity } from "../../../src/api/journal/journal_record.ts";
import { holdsOf, parseHolds } from "../../../src/api/sensitivity.ts";
import { parseDatasetConfig } from "../../../src/data/dataset_config.ts";
import { npy } from "../../data/fixtures.ts";
import { complaintAbout } from "../judge.ts";
import { type Kind, plainKind, type Target } from "../kind.ts";
import { damageBytes } from "../mutate_bytes.ts";
import { damageJson } from "../mutate_json.ts";

const CONFIGURATIONS = [
  {
    model: { model_name: "net", model: "net.onnx", weights: "x" },
    compression: {
      target_device: "CPU",
      algorithms: [{
        name: "AccuracyAwareQuantization",
        params: {
          preset: "mixed",
          stat_subset_size: 300,
          ranking_subset_size: 300,
          maximal_drop: 0.005,
          max_iter_num: 10,
          metric_subset_ratio: 0.5,
          drop_type: "absolute",
          ignored: { scope: ["a"], operations: [{ type: "Add", attributes: { axis: 1 } }], patterns: ["x.*"] },
          metrics: [{ name: "accuracy", type: "accuracy", baseline_value: 0.7, top_k: 5 }],
        },
      }],
    },
  },
  {
    compression: {
      algorithms: [{
        name: "DefaultQuantization",
        params: {
          range_estimator: { preset: "quantile", min: { type: "quantile", outlier_prob: 0.01, aggregator: "mean" } },
          weights: { bits: 8, mode: "symmetric", granularity: "perchannel", level_low: -127, level_high: 127 },
          activations: { bits: 8, mode: "asymmetric", range_estimator: { max: { type: "max", aggregator: "max" } } },
          use_fast_bias: true,
          saturation_fix: "all",
        },
      }],
    },
  },
];

/** Configurations of POT. */
export const configurationKind: Kind = plainKind("configuration", (draw) => {
  try {
    settingsOf(parseConfiguration(damageJson(draw.of(CONFIGURATIONS), draw), "c.json").parameters);
  } catch (error) {
    return Promise.resolve(complaintAbout(error));
  }
  return Promise.resolve(undefined);
});

const SENSITIVITY = {
  version: 1,
  keep_float: ["one"],
  keep_int8: ["two"],
  groups: [{ rank: 1, group: "one", score: 0.5 }, { rank: 2, group: "two", score: null }],
};

/** Edited tables of `rank`. */
export const sensitivityKind: Kind = plainKind("sensitivity", (draw) => {
  try {
    holdsOf([{ name: "one" }, { name: "two" }], parseHolds(damageJson(SENSITIVITY, draw), "s.json"));
  } catch (error) {
    return Promise.resolve(complaintAbout(error));
  }
  return Promise.resolve(undefined);
});

const STEPS = [
  { type: "resize", dst_width: 4, dst_height: 4, aspect_ratio_scale: "greater", interpolation: "BILINEAR" },
  { type: "crop", size: 3, use_pillow: true },
  { type: "normalization", mean: [1, 2, 3], std: "58.8" },
  { type: "rgb_to_bgr" },
];
const DATASETS = [
  { format: "npy", inputs: "x.npy", labels: "y.npy", layout: "NCHW", preprocessing: [STEPS[2]] },
  { format: "npy", inputs: { a: "x.npy", b: "x.npy" }, labels: [0, 1], preprocessing: { a: [] } },
  { format: "npy", inputs: "x.npy", labels: "y.npy", preprocessing: STEPS, classes: "classes.txt" },
  { format: "images", inputs: "x", labels: "labels.csv", characters: "classes.txt" },
];

/** dataset.json, opened with good files beside it. */
export const datasetKind: Kind = {
  name: "dataset",
  needsGpu: false,
  async open(): Promise<Target> {
    const folder = await Deno.makeTempDir({ prefix: "holdfast-fuzz-" });
    await Deno.writeFile(join(folder, "x.npy"), npy("|u1", [2, 3, 5, 5], new Uint8Array(150)));
    await Deno.writeFile(join(folder, "y.npy"), npy("<i8", [2], new BigInt64Array(2)));
    await Deno.writeTextFile(join(folder, "classes.txt"), "a\nb\n");
    return {
      async run(draw) {
        const text = damageJson(draw.of(DATASETS), draw);
        try {
          parseDatasetConfig(text, "dataset.json");
          await Deno.writeTextFile(join(folder, "dataset.json"), text);
          const dataset = await openDataset(folder, { workers: 0 });
          await dataset.read([0, dataset.length - 1]);
          await dataset.sha256();
          dataset.close();
        } catch (error) {
          return complaintAbout(error);
        }
      },
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
};

const IDENTITY: JournalIdentity = {
  model: "m",
  dataset: "d",
  calibration: "c",
  configuration: "o",
  batch: "1",
  kernels: "k",
  version: "0",
  adapter: "a",
};
const RECORDS = Array.from({ length: 6 }, (_, index) => ({
  key: `key${index}`,
  evaluation: { values: { accuracy: index / 7 }, perSample: { accuracy: Float64Array.of(index, NaN, -0) } },
}));
const JOURNAL = new TextEncoder().encode(
  encodeHeader(IDENTITY) + RECORDS.map(({ key, evaluation }) => encodeRecord(key, evaluation)).join(""),
);

/** Journals: what can still be had is what was written, and the journal can be gone on with. */
export const journalKind: Kind = {
  name: "journal",
  needsGpu: false,
  async open(): Promise<Target> {
    const folder = await Deno.makeTempDir({ prefix: "holdfast-fuzz-" });
    const path = join(folder, "journal.jsonl");
    return {
      async run(draw) {
        for await (const { name } of Deno.readDir(folder)) await Deno.remove(join(folder, name));
        await Deno.writeFile(path, damageBytes(JOURNAL, draw));
        try {
          const added = { values: { accuracy: 1 }, perSample: {} };
          {
            using journal = await DiskJournal.open({ path }, IDENTITY);
            const wrong = wrongRecord(journal);
            if (wrong !== undefined) return `gives another evaluation of ${wrong}`;
            await journal.put("added", added);
          }
          using again = await DiskJournal.open({ path }, IDENTITY);
          return again.get("added")?.values.accuracy === 1 ? undefined : "lost a record that was added";
        } catch (error) {
          return complaintAbout(error);
        }
      },
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
};

function wrongRecord(journal: DiskJournal): string | undefined {
  return RECORDS.find(({ key, evaluation }) => {
    const found = journal.get(key);
    return found && (found.values.accuracy !== evaluation.values.accuracy ||
      !found.perSample.accuracy?.every((value, place) => Object.is(value, evaluation.perSample.accuracy[place])));
  })?.key;
}
