/** The files that `init` writes: dataset.json and a configuration, each entry with the reason for it. */
import type { Labels } from "../../data/dataset.ts";
import type { DataSurvey } from "../../data/survey_folder.ts";
import { CommentedObject, formatCommentedJson } from "../../report/commented_json.ts";
import type { Model } from "../model.ts";
import { attentionProduct, signedActivation } from "./network_facts.ts";
import { type Trial } from "./probe_datasets.ts";
import type { DatasetChoice, DatasetDocument, DatasetProposal } from "./propose_dataset.ts";
import type { MetricProposal } from "./propose_metric.ts";

/** What both files are written from. */
export interface SetupFacts {
  readonly model: Model;
  readonly modelPath: string;
  readonly survey: DataSurvey;
  readonly proposal: DatasetProposal;
  readonly choice: DatasetChoice;
  readonly document: DatasetDocument;
  readonly metric: MetricProposal;
  /** Of the probe, the best first; empty where nothing was tried. */
  readonly trials: readonly Trial[];
}

/** Where the schemas lie that editors complete and check the files by. */
export const SCHEMA_URLS = {
  dataset: new URL("../../../docs/schema/dataset.schema.json", import.meta.url).href,
  configuration: new URL("../../../docs/schema/configuration.schema.json", import.meta.url).href,
} as const;

/** Entries of dataset.json and why they are what they are, in the order of the file. */
export function datasetReasons(facts: SetupFacts): { readonly key: string; readonly reason: string }[] {
  const { survey, proposal, choice, document } = facts;
  const { reasons, labels } = proposal;
  const label = labels[choice.labels];
  const isFromFolders = label !== undefined && label.path === undefined;
  const rows: [keyof DatasetDocument, string][] = [
    ["format", reasons.inputs],
    ["inputs", "relative to this file"],
    ["labels", `${label?.reason ?? ""}${isFromFolders ? ": no entry is needed" : ""}`],
    ["label_offset", "added to every label"],
    ["preprocessing", preprocessingReason(facts)],
    ["layout", reasons.layout],
    [
      "classes",
      label?.classNames
        ? "guessed: the names in the order of the alphabet, as torchvision's ImageFolder numbers them"
        : `${survey.classes?.names.length ?? 0} names, by class`,
    ],
    ["characters", "one a line, by class of the outputs"],
  ];
  return rows.filter(([key]) => document[key] !== undefined || (key === "labels" && isFromFolders))
    .map(([key, reason]) => ({ key, reason }));
}

function preprocessingReason({ proposal, choice, trials, metric }: SetupFacts): string {
  const normalization = proposal.normalizations[choice.normalization];
  const geometry = proposal.geometries[choice.geometry];
  const parts = [
    ...(geometry ? [`${geometry.reason}: ${geometry.name}`] : []),
    ...(normalization
      ? [`${trials.length > 1 ? "found" : "guessed"} normalization "${normalization.name}" (${normalization.use})`]
      : []),
  ];
  const [best, second] = trials;
  const others = second ? `, ${shown(second)} on ${second.samples} with "${second.name}"` : "";
  parts.push(
    best ? `${metric.name} is ${shown(best)} on ${best.samples} samples${others}` : proposal.reasons.normalization,
  );
  return parts.join("; ");
}

function shown({ value }: Trial): string {
  return value === undefined ? "not defined" : String(Number(value.toPrecision(4)));
}

/** The text of dataset.json. */
export function datasetFile(facts: SetupFacts): string {
  const reasons = new Map(datasetReasons(facts).map(({ key, reason }) => [key, reason]));
  const others = facts.proposal.normalizations.filter((_, place) => place !== facts.choice.normalization);
  const alternatives = others.length === 0 || facts.trials.length > 1
    ? []
    : [`If accuracy is not what you know of the network, the normalization is another one: ${
      others.map(({ name }) => name).join(", ")
    }.`];
  const members = Object.entries(facts.document).map(([key, value]) => ({
    key,
    value: value as unknown,
    comments: [...[reasons.get(key) ?? ""].filter(Boolean), ...(key === "preprocessing" ? alternatives : [])],
  }));
  return formatCommentedJson(
    [`What ${facts.model.name} is shown. Written by init, which guessed what a comment gives a reason for: check that first.`],
    new CommentedObject([{ key: "$schema", value: SCHEMA_URLS.dataset }, ...members]),
  );
}

/** What a configuration says of the network beyond defaults, with the reason. */
export function networkParameters(
  { graph }: Model,
): { readonly key: string; readonly value: string; readonly reason: string }[] {
  const attention = attentionProduct(graph);
  const signed = signedActivation(graph);
  const place = attention ?? signed;
  const why = place && `${place.type} node "${place.name}"`;
  return [
    {
      key: "preset",
      value: place ? "mixed" : "performance",
      reason: place
        ? `mixed has asymmetric activations: ${why} gives values of both signs; performance has symmetric ones`
        : "performance has symmetric activations; mixed, with asymmetric ones, is for values of both signs (HardSwish, GELU)",
    },
    ...(attention
      ? [{ key: "model_type", value: "transformer", reason: `${why} multiplies with a Softmax: attention` }]
      : []),
  ];
}

/** The text of the configuration; `modelPath` as commands find it. */
export function configurationFile({ model, modelPath, survey, metric, choice, proposal }: SetupFacts): string {
  const kind: Labels["kind"] | undefined = proposal.labels[choice.labels]?.kind;
  const share = Number((1 / survey.samples).toPrecision(2));
  const drop = `Allowed drop of ${metric.name}, in its own unit${
    kind === "classes" ? `: of ${survey.samples} samples one is ${share}, less than a few of them is noise` : ""
  }.`;
  const params = new CommentedObject([
    ...networkParameters(model).map(({ key, value, reason }) => ({ key, value, comments: [`${capital(reason)}.`] })),
    { key: "maximal_drop", value: 0.01, comments: [drop] },
    { key: "drop_type", value: "absolute", comments: ["Or relative: a share of the float network's value."] },
    { key: "metrics", value: [{ name: metric.name, ...metric.options }], comments: [`Guessed: ${metric.reason}.`] },
    {
      key: "stat_subset_size",
      value: Math.min(300, survey.samples),
      comments: ["Samples that ranges are measured on."],
    },
    {
      key: "ranking_subset_size",
      value: Math.min(300, survey.samples),
      comments: ["Samples that groups of layers are scored on."],
    },
    {
      key: "ignored",
      value: undefined,
      comments: [
        'What stays in float: "ignored": { "scope": ["node"], "patterns": ["^head/"], "operations": [{ "type": "Softmax" }] }',
      ],
    },
  ]);
  const algorithm = new CommentedObject([
    {
      key: "name",
      value: "AccuracyAwareQuantization",
      comments: ["DefaultQuantization quantizes everything, whatever it costs."],
    },
    { key: "params", value: params },
  ]);
  const compression = new CommentedObject([
    { key: "target_device", value: "ANY", comments: ["CPU, GPU or NPU: whose operators are quantized."] },
    { key: "algorithms", value: [algorithm] },
  ]);
  return formatCommentedJson(
    [`How ${model.name} is quantized. Written by init; every parameter is in docs/configuration.md, and options of the command line override this file.`],
    new CommentedObject([
      { key: "$schema", value: SCHEMA_URLS.configuration },
      {
        key: "model",
        value: { model_name: model.name, model: modelPath },
        comments: ["From the folder in which the command runs."],
      },
      { key: "compression", value: compression },
    ]),
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
