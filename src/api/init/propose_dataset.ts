/** What a dataset.json for a network and a folder could say: every plausible way, the likeliest first. */
import { DatasetError } from "../../base/errors.ts";
import { formatShape, isFloat } from "../../base/tensor.ts";
import type { Graph } from "../../graph/graph.ts";
import { type DatasetConfig, parseDatasetConfig } from "../../data/dataset_config.ts";
import type { Layout } from "../../data/pixels.ts";
import type { DataSurvey } from "../../data/survey_folder.ts";
import type { Model } from "../model.ts";
import { originOf, type PictureInput, pictureInputOf } from "./network_facts.ts";
import { type Normalization, normalizationsFor } from "./normalizations.ts";
import { type Geometry, type PreprocessingStep, proposeGeometries } from "./propose_geometry.ts";
import { type LabelChoice, proposeLabels } from "./propose_labels.ts";

/** @internal What dataset.json says. */
export interface DatasetDocument {
  readonly format: string;
  readonly inputs: string | Readonly<Record<string, string>>;
  readonly labels?: string;
  readonly label_offset?: number;
  readonly preprocessing: readonly PreprocessingStep[];
  readonly layout: Layout;
  readonly classes?: string | readonly string[];
  readonly characters?: string;
}

/** The plausible ways for everything that is not certain. */
export interface DatasetProposal {
  /** Empty for data without labels. */
  readonly labels: readonly LabelChoice[];
  readonly geometries: readonly Geometry[];
  readonly normalizations: readonly Normalization[];
  /** Whether the order of channels can be reversed. */
  readonly hasChannelOrder: boolean;
  readonly layout: Layout;
  /** Paths by the network's inputs, or the one path. */
  readonly inputs: DatasetDocument["inputs"];
  /** What one more than black is in the stored values: 1 for bytes, 1/255 for fractions. */
  readonly unit: number;
  readonly reasons: { readonly inputs: string; readonly layout: string; readonly normalization: string };
  readonly notes: readonly string[];
}

/** One way out of a proposal, by place in its lists. */
export interface DatasetChoice {
  readonly labels: number;
  readonly geometry: number;
  readonly normalization: number;
  readonly isReversed: boolean;
}

/** The likeliest of each. */
export const FIRST_CHOICE: DatasetChoice = { labels: 0, geometry: 0, normalization: 0, isReversed: false };

/** Proposes everything for a network and what lies in a folder. Throws DatasetError where the samples cannot be the network's. */
export function proposeDataset({ graph }: Model, survey: DataSurvey): DatasetProposal {
  const { choices: labels, notes } = proposeLabels(graph, survey.labels);
  const input = pictureInputOf(graph);
  const unit = input && pixelUnit(survey);
  const common = {
    labels,
    layout: input?.layout ?? "NCHW" as const,
    inputs: inputPaths(graph, survey),
    notes: [...notes, ...survey.refused.map(({ path, reason }) => `${path} is not taken for labels: ${reason}`)],
  };
  const inputs = describeSamples(survey);
  if (!input || unit === undefined) {
    const normalization = `${survey.ranges ? describeRanges(survey) : "samples"}: no pixels, taken as they are`;
    const reasons = { inputs, layout: "the order in which the arrays are stored", normalization };
    return { ...common, geometries: [], normalizations: [], hasChannelOrder: false, unit: 1, reasons };
  }
  const [kind] = labels.map((one) => one.kind);
  const isBytes = survey.inputs[0]?.dtype === "uint8";
  const { origin, reason } = originOf(graph);
  const scales = input.scaling !== undefined;
  const task = kind &&
    ({ classes: "classes", annotations: "boxes", masks: "masks", text: "text", tensor: "values" } as const)[kind];
  const normalizations = normalizationsFor({ channels: input.channels, height: input.height, origin, scales, task })
    .filter(({ isBgr }) => isBytes || !isBgr);
  return {
    ...common,
    geometries: survey.pictures
      ? withGray(proposeGeometries(input, survey.pictures, kind), input)
      : arrayGeometries(input, survey),
    normalizations,
    hasChannelOrder: input.channels === 3 && isBytes,
    unit,
    reasons: {
      inputs,
      layout: input.reason,
      normalization: input.scaling
        ? `the graph scales its input itself (${input.scaling.type} node "${input.scaling.name}")`
        : reason,
    },
  };
}

/** What the choice makes dataset.json say. */
export function documentOf(survey: DataSurvey, proposal: DatasetProposal, choice: DatasetChoice): DatasetDocument {
  const { config, classes, characters } = survey;
  const labels = proposal.labels[choice.labels];
  return {
    format: config.format,
    inputs: proposal.inputs,
    ...(labels?.path === undefined ? {} : { labels: labels.path }),
    ...(labels && labels.offset !== 0 ? { label_offset: labels.offset } : {}),
    preprocessing: stepsOf(proposal, choice),
    layout: proposal.layout,
    ...(classes && labels?.kind !== "text" ? { classes: classes.path } : {}),
    ...(labels?.classNames ? { classes: labels.classNames } : {}),
    ...(characters && labels?.kind === "text" ? { characters } : {}),
  };
}

/** The description that a document stands for, with paths from the survey's folder. */
export function configOfDocument(survey: DataSurvey, document: DatasetDocument): DatasetConfig {
  return parseDatasetConfig(JSON.stringify(document), `${survey.config.folder}/dataset.json`);
}

function stepsOf({ geometries, normalizations, unit }: DatasetProposal, choice: DatasetChoice): PreprocessingStep[] {
  const normalization = normalizations[choice.normalization];
  const isBgr = (normalization?.isBgr ?? false) !== choice.isReversed;
  const inOrder = (values: readonly number[]) => (choice.isReversed ? [...values].reverse() : values);
  const scaled = (values: readonly number[]) => inOrder(values).map((value) => Number((value * unit).toPrecision(7)));
  // Pixels as they are still have to become 0 to 255 where they are stored as fractions.
  const affine = normalization?.affine ?? { mean: [0], std: [1] };
  const [mean, std] = [scaled(affine.mean), scaled(affine.std)];
  const isIdentity = mean.every((value) => value === 0) && std.every((value) => value === 1);
  return [
    ...geometries[choice.geometry]?.steps ?? [],
    ...(isBgr ? [{ type: "rgb_to_bgr" }] : []),
    ...(normalization && !isIdentity ? [{ type: "normalization", mean, std }] : []),
  ];
}

/** Of an archive only the arrays that are inputs of the network, where it has them all. */
function inputPaths(graph: Graph, { config: { inputs } }: DataSurvey): DatasetDocument["inputs"] {
  if (typeof inputs === "string") return inputs;
  const known = graph.inputs.flatMap(({ name }) => inputs.has(name) ? [[name, inputs.get(name) ?? ""] as const] : []);
  return Object.fromEntries(known.length === graph.inputs.length ? known : inputs);
}

/** What one step of a byte is in the stored values; undefined where these are no pixels. */
function pixelUnit({ inputs: [input], ranges }: DataSurvey): number | undefined {
  const [low, high] = ranges?.[0] ?? [0, 255];
  if (input?.dtype === "uint8") return 1;
  if (!input || !isFloat(input.dtype) || low < 0) return undefined;
  if (high <= 1) return 1 / 255;
  return high <= 255 && high > 64 ? 1 : undefined;
}

function withGray(geometries: readonly Geometry[], { channels }: PictureInput): Geometry[] {
  if (channels !== 1) return [...geometries];
  return geometries.map((one) => ({ ...one, steps: [...one.steps, { type: "rgb_to_gray" }] }));
}

/** Arrays are taken in the size in which they are stored, bytes can be resized. */
function arrayGeometries({ name, layout, channels, height, width }: PictureInput, survey: DataSurvey): Geometry[] {
  const [input] = survey.inputs;
  const stored = input?.shape ?? [];
  const inLayout = <T>(c: T, h: T, w: T) => (layout === "NCHW" ? [c, h, w] : [h, w, c]);
  const wanted = inLayout<number | undefined>(channels, height, width);
  const fits = stored.length === 3 && wanted.every((extent, axis) => extent === undefined || extent === stored[axis]);
  if (fits) return [{ name: "as they are", steps: [], reason: `samples are ${formatShape(stored)}` }];
  const channelAxis = layout === "NCHW" ? 0 : 2;
  const isResizable = input?.dtype === "uint8" && stored.length === 3 && stored[channelAxis] === channels;
  if (isResizable && height !== undefined && width !== undefined) {
    const reason = `samples are ${formatShape(stored)}, the network takes ${width}x${height}`;
    return [{
      name: `resize to ${width}x${height}`,
      steps: [{ type: "resize", dst_width: width, dst_height: height }],
      reason,
    }];
  }
  const other = layout === "NCHW" ? "x.transpose(0, 3, 1, 2)" : "x.transpose(0, 2, 3, 1)";
  const remedy = stored.length === 3 && stored[2 - channelAxis] === channels
    ? `; store them so, ${other} in NumPy`
    : "";
  throw new DatasetError(
    `Cannot feed input "${name}" from "${survey.config.folder}": samples are ${formatShape(stored)}, expected [${
      wanted.map((extent) => extent ?? "?").join(", ")
    }] (${layout})${remedy}`,
  );
}

function describeSamples({ config, samples, inputs, pictures }: DataSurvey): string {
  if (pictures) return `${samples} pictures`;
  const shown = inputs.map(({ name, shape, dtype }) =>
    `${name === undefined ? "" : `${name} `}${formatShape(shape)} of ${dtype}`
  );
  return `${samples} samples in ${config.format} format: ${shown.join(", ")}`;
}

function describeRanges({ ranges = [] }: DataSurvey): string {
  const shown = ranges.map(([low, high]) => `${Number(low.toPrecision(4))} to ${Number(high.toPrecision(4))}`);
  return `values from ${shown.join(" and ")}`;
}
