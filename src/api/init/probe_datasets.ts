/** Finding the preprocessing that a network was trained with: the one with which it is right most often. */
import { DatasetError, ModelError, UsageError } from "../../base/errors.ts";
import { openDescribed } from "../../data/open_dataset.ts";
import type { DataSurvey } from "../../data/survey_folder.ts";
import { selectSamples } from "../../evaluate/selected_dataset.ts";
import { evaluateModel } from "../evaluate.ts";
import { openMetrics } from "../metrics/metrics_by_name.ts";
import type { Model } from "../model.ts";
import {
  configOfDocument,
  type DatasetChoice,
  type DatasetProposal,
  documentOf,
  FIRST_CHOICE,
} from "./propose_dataset.ts";
import type { MetricProposal } from "./propose_metric.ts";
import { meanScore, recordScores, standardErrorsAbove } from "./probe_score.ts";
import type { Runtime } from "../runtime.ts";

/** @internal How a choice fared on some samples. */
export interface Trial {
  readonly choice: DatasetChoice;
  /** What sets it apart from the others. */
  readonly name: string;
  readonly samples: number;
  /** Of the metric; undefined where the choice does not work. */
  readonly value: number | undefined;
  /** Why it does not work. */
  readonly problem: string | undefined;
}

/** What a probe found. */
export interface ProbeResult {
  readonly choice: DatasetChoice;
  /** The last trial of every choice, the best first. */
  readonly trials: readonly Trial[];
}

/** What a probe needs. */
export interface ProbeOptions {
  readonly runtime: Runtime;
  readonly model: Model;
  readonly survey: DataSurvey;
  readonly proposal: DatasetProposal;
  readonly metric: MetricProposal;
  /** Samples, spread over all, that choices which are close are compared on; fewer tell the others apart. */
  readonly samples: number;
  readonly signal?: AbortSignal | undefined;
  readonly onTrial?: ((trial: Trial) => void) | undefined;
}

/** Samples of the first rounds: most choices fall out there. */
const FIRST_ROUNDS = [32, 128];

/** Standard errors of the difference by which a choice that falls out is worse than the best. */
const FAR = 3;

/** Standard errors below which two choices are as good as each other. */
const NEAR = 2;

/** A trial with what it is compared by. */
interface Scored {
  readonly trial: Trial;
  readonly scores: readonly number[];
}

/**
 * Compares labels, normalizations and orders of channels with each other, then the ways to resize, on more and more samples until one
 * is left. Of those that the samples cannot tell apart the likeliest is taken. Throws DatasetError where nothing works.
 */
export async function probeDatasets(options: ProbeOptions): Promise<ProbeResult> {
  const { proposal } = options;
  const trials = new Map<string, Scored>();
  const tried = new Map<string, Scored>();
  let best: DatasetChoice = FIRST_CHOICE;
  for (const choicesFrom of STAGES) {
    const choices = choicesFrom(proposal, best);
    if (choices.length < 2 && trials.size > 0) continue;
    const ended = await compare(choices, options, tried);
    for (const one of ended) {
      const key = JSON.stringify(one.trial.choice);
      if ((trials.get(key)?.trial.samples ?? 0) < one.trial.samples) trials.set(key, one);
    }
    best = ended[0]?.trial.choice ?? best;
  }
  const sorted = [...trials.values()].sort(byWorth).map(({ trial }) => trial);
  const isBest = ({ choice }: Trial) => JSON.stringify(choice) === JSON.stringify(best);
  return { choice: best, trials: [...sorted.filter(isBest), ...sorted.filter((one) => !isBest(one))] };
}

/** What is compared at once, given the best so far. Labels, normalization and order of channels only show together. */
const STAGES: readonly ((proposal: DatasetProposal, best: DatasetChoice) => DatasetChoice[])[] = [
  ({ labels, normalizations, hasChannelOrder }, best) =>
    (hasChannelOrder ? [false, true] : [false]).flatMap((isReversed) =>
      places(labels).flatMap((label) =>
        places(normalizations).map((normalization) => ({ ...best, labels: label, normalization, isReversed }))
      )
    ),
  ({ geometries }, best) => {
    const others = places(geometries).filter((geometry) => geometry !== best.geometry);
    return [best, ...others.map((geometry) => ({ ...best, geometry }))];
  },
];

function places(list: readonly unknown[]): number[] {
  return list.length === 0 ? [0] : [...list.keys()];
}

/** The last trials of all choices, the winner first. */
async function compare(
  choices: readonly DatasetChoice[],
  options: ProbeOptions,
  tried: Map<string, Scored>,
): Promise<Scored[]> {
  const { survey, samples, signal, onTrial } = options;
  const most = Math.min(samples, survey.samples);
  const rounds = [...FIRST_ROUNDS.filter((count) => count < most), most];
  const fallen: Scored[] = [];
  let left: Scored[] = [];
  for (const count of rounds) {
    const round: Scored[] = [];
    for (const choice of left.length > 0 ? left.map(({ trial }) => trial.choice) : choices) {
      signal?.throwIfAborted();
      const key = JSON.stringify([choice, count]);
      const known = tried.get(key);
      const scored = known ?? await tryOut(choice, count, options);
      if (!known) onTrial?.(scored.trial);
      tried.set(key, scored);
      round.push(scored);
    }
    const best = bestOf(round);
    const isFar = (one: Scored) => one.trial.value === undefined || standardErrorsAbove(best.scores, one.scores) > FAR;
    fallen.push(...round.filter(isFar));
    // In the order of the choices still, which is that of likelihood.
    left = round.filter((one) => !isFar(one));
    if (left.length === 1) break;
  }
  const best = bestOf(left);
  const winner = left.find((one) => standardErrorsAbove(best.scores, one.scores) <= NEAR) ?? best;
  return [winner, ...left.filter((one) => one !== winner).sort(byWorth), ...fallen.sort(byWorth)];
}

function bestOf(round: readonly Scored[]): Scored {
  const [best] = [...round].sort(byWorth);
  if (best?.trial.value !== undefined) return best;
  throw new DatasetError(round[0]?.trial.problem ?? "Cannot probe: there is nothing to compare");
}

/** More samples first, then higher scores: who fell out early was worse. */
function byWorth(a: Scored, b: Scored): number {
  return b.trial.samples - a.trial.samples || meanScore(b.scores) - meanScore(a.scores) || 0;
}

async function tryOut(choice: DatasetChoice, count: number, options: ProbeOptions): Promise<Scored> {
  const { runtime, model, survey, proposal, metric, signal } = options;
  const trial = { choice, name: nameOf(proposal, choice), samples: count };
  try {
    const dataset = await openDescribed(configOfDocument(survey, documentOf(survey, proposal, choice)));
    try {
      const indices = Array.from({ length: count }, (_, place) => Math.floor(place * dataset.length / count));
      const metrics = await openMetrics([{ name: metric.name, options: metric.options }]);
      const recorded = metrics.map(recordScores);
      const { values } = await evaluateModel(runtime, model, selectSamples(dataset, indices), {
        metrics: recorded.map((one) => one.metric),
        signal,
      });
      const scores = recorded.flatMap((one) => one.scores);
      return { trial: { ...trial, value: values[metric.name], problem: undefined }, scores };
    } finally {
      dataset.close();
    }
  } catch (error) {
    const isAnswer = error instanceof DatasetError || error instanceof ModelError || error instanceof UsageError;
    if (!isAnswer) throw error;
    return { trial: { ...trial, value: undefined, problem: error.message }, scores: [] };
  }
}

/** What the choice is, in a few words. */
export function nameOf(proposal: DatasetProposal, choice: DatasetChoice): string {
  const { labels, normalizations, geometries, hasChannelOrder } = proposal;
  const label = labels[choice.labels];
  const normalization = normalizations[choice.normalization];
  const isBgr = (normalization?.isBgr ?? false) !== choice.isReversed;
  const offset = label && label.offset !== 0 ? `label_offset ${label.offset}` : undefined;
  return [
    normalization?.name ?? "as they are",
    ...(hasChannelOrder ? [isBgr ? "BGR" : "RGB"] : []),
    ...(geometries.length > 1 ? [geometries[choice.geometry]?.name ?? ""] : []),
    ...(labels.length > 1 ? [[label?.path ?? "subfolders", offset].filter(Boolean).join(" with ")] : []),
  ].join(", ");
}
