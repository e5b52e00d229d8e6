/** Setting up a quantization: what dataset.json and configuration should say for a model and a folder. */
import { ModelError } from "../../base/errors.ts";
import { surveyFolder } from "../../data/survey_folder.ts";
import { inspectModel } from "../inspect.ts";
import type { Model } from "../model.ts";
import { quantizingNode, vectorLength } from "./network_facts.ts";
import { nameOf, probeDatasets, type Trial } from "./probe_datasets.ts";
import { type DatasetDocument, documentOf, FIRST_CHOICE, proposeDataset } from "./propose_dataset.ts";
import { type MetricProposal, metricText, proposeMetric } from "./propose_metric.ts";
import type { Runtime } from "../runtime.ts";
import { configurationFile, datasetFile, datasetReasons, networkParameters, type SetupFacts } from "./setup_files.ts";

/** @internal How to set up. */
export interface SetupOptions {
  /** As the configuration names it. */
  readonly modelPath: string;
  /** Opens the GPU for the probe; without it nothing is tried, only guessed. Whoever gave it closes it. */
  readonly openRuntime?: (() => Promise<Runtime>) | undefined;
  /** Samples of the probe. */
  readonly probeSamples?: number | undefined;
  /** Goes before the paths in dataset.json, which then lies in another folder than the data. */
  readonly pathPrefix?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onTrial?: ((trial: Trial) => void) | undefined;
}

/** @internal A proposal for both files. */
export interface Setup {
  /** Content of dataset.json, and the text with comments. */
  readonly dataset: DatasetDocument;
  readonly datasetText: string;
  readonly configurationText: string;
  /** What is in the files and why. */
  readonly reasons: readonly { readonly key: string; readonly value: unknown; readonly reason: string }[];
  readonly metric: MetricProposal;
  /** The metric as --metric takes it. */
  readonly metricText: string;
  readonly trials: readonly Trial[];
  readonly notes: readonly string[];
}

/** @internal Samples of the probe unless stated. */
export const PROBE_SAMPLES = 256;

/** @internal Looks at model and data, tries out what labels can decide, and proposes. Throws ModelError for what cannot be quantized. */
export async function proposeSetup(model: Model, folder: string, options: SetupOptions): Promise<Setup> {
  const quantizing = quantizingNode(model.graph);
  if (quantizing) {
    throw new ModelError(
      `Cannot set up ${model.name}: it is quantized already (${quantizing.type} node "${quantizing.name}"), expected the float network`,
    );
  }
  const survey = await surveyFolder(folder);
  const proposal = proposeDataset(model, survey);
  const metric = proposeMetric(model.graph, proposal.labels[0]?.kind);
  const { openRuntime, probeSamples = PROBE_SAMPLES, signal, onTrial } = options;
  const probed = openRuntime && proposal.labels.length > 0
    ? await probeDatasets({
      runtime: await openRuntime(),
      model,
      survey,
      proposal,
      metric,
      samples: probeSamples,
      signal,
      onTrial,
    })
    : { choice: FIRST_CHOICE, trials: [] };
  const { trials } = probed;
  const isChance = areChance(model, trials, metric);
  // What is no better than chance says nothing: the likeliest is as good as any.
  const choice = isChance ? FIRST_CHOICE : probed.choice;
  const document = prefixed(documentOf(survey, proposal, choice), options.pathPrefix ?? "");
  const facts: SetupFacts = {
    model,
    modelPath: options.modelPath,
    survey,
    proposal,
    choice,
    document,
    metric,
    trials: isChance ? [] : trials,
  };
  const entry = document as unknown as Readonly<Record<string, unknown>>;
  return {
    dataset: document,
    datasetText: datasetFile(facts),
    configurationText: configurationFile(facts),
    reasons: [
      ...datasetReasons(facts).map(({ key, reason }) => ({ key, value: entry[key], reason })),
      { key: "metric", value: metricText(metric), reason: metric.reason },
      ...networkParameters(model),
    ],
    metric,
    metricText: metricText(metric),
    trials,
    notes: [...proposal.notes, ...(isChance ? [CHANCE] : doubts(trials)), ...quantizability(model), ...unprobed(facts)],
  };
}

function prefixed(document: DatasetDocument, prefix: string): DatasetDocument {
  if (prefix === "") return document;
  const { inputs, labels, classes, characters } = document;
  const paths = { labels, characters, ...(typeof classes === "string" ? { classes } : {}) };
  return {
    ...document,
    inputs: typeof inputs === "string"
      ? prefix + inputs
      : Object.fromEntries(Object.entries(inputs).map(([name, path]) => [name, prefix + path])),
    ...Object.fromEntries(
      Object.entries(paths).flatMap(([key, path]) => (path === undefined ? [] : [[key, prefix + path]])),
    ),
  };
}

const CHANCE =
  "No preprocessing gives more than chance: labels may be of other classes or in another order, or the preprocessing is one that was not tried";

/** Whether no trial is right more often than a guess among the classes. */
function areChance({ graph }: Model, trials: readonly Trial[], { name }: MetricProposal): boolean {
  const classes = vectorLength(graph.outputs[0]);
  if (name !== "accuracy" || classes === undefined || trials.length === 0) return false;
  return trials.every(({ value = 0, samples }) => value <= 1 / classes + 3 * standardError(1 / classes, samples));
}

function standardError(share: number, samples: number): number {
  return Math.sqrt(Math.max(share * (1 - share), 1 / samples) / samples);
}

/** What the probe could not decide. */
function doubts([best, second]: readonly Trial[]): string[] {
  if (best?.value === undefined || second?.value === undefined || second.samples !== best.samples) return [];
  const isClose = Math.abs(best.value - second.value) <= standardError(best.value, best.samples);
  return isClose
    ? [
      `${best.samples} samples cannot tell "${best.name}" from "${second.name}": --probe ${
        4 * best.samples
      } tries more`,
    ]
    : [];
}

function quantizability(model: Model): string[] {
  const { groups, problem, operators } = inspectModel(model);
  const missing = operators.filter(({ isSupported }) => !isSupported).map(({ type }) => type);
  if (missing.length > 0) return [`Operators that are not supported: ${missing.join(", ")}`];
  if (problem !== undefined) return [problem];
  return groups?.length === 0 ? ["The network has no layer that could be quantized, such as Conv, Gemm or MatMul"] : [];
}

function unprobed({ proposal, trials, choice }: SetupFacts): string[] {
  const isGuess = proposal.normalizations.length > 1 && trials.length === 0;
  return isGuess
    ? [
      `The normalization is guessed, not tried: ${nameOf(proposal, choice)}${
        proposal.labels.length === 0 ? "; without labels nothing can tell" : ""
      }`,
    ]
    : [];
}
