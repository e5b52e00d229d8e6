/** Which of the labels in a folder are those of a network, and how they have to be counted. */
import type { FoundLabels } from "../../data/survey_folder.ts";
import { elementCount } from "../../base/tensor.ts";
import type { Labels } from "../../data/dataset.ts";
import type { Graph } from "../../graph/graph.ts";
import { vectorLength } from "./network_facts.ts";

/** One way to read labels. */
export interface LabelChoice {
  /** Undefined where subfolders are the classes. */
  readonly path: string | undefined;
  readonly kind: Labels["kind"];
  /** Of labels that are names, in the order that is guessed for them. */
  readonly classNames?: readonly string[];
  /** `label_offset` of dataset.json. */
  readonly offset: number;
  readonly reason: string;
}

/** Plausible choices, the likeliest first, and why others are none. */
export interface LabelProposal {
  readonly choices: readonly LabelChoice[];
  readonly notes: readonly string[];
}

/** Compares the labels that were found with what the network gives. */
export function proposeLabels(graph: Graph, found: readonly FoundLabels[]): LabelProposal {
  const notes: string[] = [];
  const choices = found.flatMap((one): (LabelChoice & { readonly rank: number })[] => {
    const place = one.path === undefined ? "The names of the subfolders" : `${one.path}`;
    const { labels } = one;
    if (labels.kind === "classes") {
      const ways = classChoices(graph, one.path, labels.values, place);
      const { classNames } = one;
      if (typeof ways !== "string") return classNames ? ways.map((way) => ({ ...way, classNames })) : ways;
      notes.push(ways);
      return [];
    }
    const misfit = misfitOf(graph, labels);
    if (misfit === undefined) {
      return [{ path: one.path, kind: labels.kind, offset: 0, rank: 0, reason: describe(labels, place) }];
    }
    notes.push(`${place} has ${KINDS[labels.kind]}: ${misfit}`);
    return [];
  });
  const least = Math.min(...choices.map(({ rank }) => rank));
  // Labels that use every output leave no doubt.
  const plausible = choices.filter(({ rank }) => least > 0 || rank === 0).sort((a, b) => a.rank - b.rank);
  return { choices: plausible.map(({ rank: _rank, ...choice }) => choice), notes };
}

const KINDS: Readonly<Record<Labels["kind"], string>> = {
  classes: "classes",
  tensor: "values",
  masks: "masks",
  text: "transcriptions",
  annotations: "boxes",
};

function describe(labels: Labels, place: string): string {
  const counts: Partial<Record<Labels["kind"], number>> = {
    annotations: labels.kind === "annotations" ? labels.categories.size : 0,
  };
  const more = labels.kind === "annotations" ? ` of ${counts.annotations} categories` : "";
  return `${place} has ${KINDS[labels.kind]}${more}`;
}

/** Why labels cannot be compared with the outputs; undefined where they can. */
function misfitOf({ outputs }: Graph, labels: Labels): string | undefined {
  const [first] = outputs;
  const rank = first?.shape?.length;
  switch (labels.kind) {
    case "masks":
      return rank === undefined || rank >= 3 ? undefined : "the network gives no value for every pixel";
    case "text":
      if (labels.characters === undefined) return "there is no file of characters, one a line, to read outputs with";
      return rank === undefined || rank === 3 ? undefined : "the network gives no sequence of characters";
    case "annotations":
      return rank !== undefined && rank < 3 && outputs.length === 1 ? "the network gives no boxes" : undefined;
    case "tensor":
      return scalarMisfit(vectorLength(outputs[0]), labels.tensor.shape);
    default:
      return undefined;
  }
}

/** One value a sample is no target of a network that gives several, and most likely a class that was stored as a float. */
function scalarMisfit(given: number | undefined, shape: readonly number[]): string | undefined {
  if (given === undefined || given === 1 || elementCount(shape.slice(1)) !== 1) return undefined;
  return `the network gives ${given} for each sample, the labels 1; classes are stored as integers`;
}

/** Ways to count class labels for the network's outputs, or why there is none. `rank` orders the choices of all files. */
function classChoices(
  graph: Graph,
  path: string | undefined,
  values: Int32Array,
  place: string,
): (LabelChoice & { readonly rank: number })[] | string {
  const outputs = vectorLength(graph.outputs[0]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const said = `${place}: classes ${low} to ${high}`;
  const choice = (offset: number, rank: number, reason: string) => ({
    path,
    kind: "classes" as const,
    offset,
    rank,
    reason: `${said}; ${reason}`,
  });
  if (outputs === undefined) return `${said}: the network gives no vector of classes`;
  if (outputs === 1) return `${said}: the network gives a single value, which no metric of classes reads`;
  if (high > outputs) return `${said}: the network has only ${outputs} outputs`;
  if (high === outputs) {
    return low > 0
      ? [choice(-1, 1, `they count from 1, for the network has ${outputs} outputs`)]
      : `${said}: the network has only ${outputs} outputs`;
  }
  // Networks of TensorFlow's ImageNet have a background class first, which no sample has.
  const lowest = outputs === 1001 ? 1 : 0;
  const isCertain = high === outputs - 1 || low === lowest;
  const ways = [choice(0, isCertain ? 0 : 2, `the network has ${outputs} outputs`)];
  if (outputs === 1001 && high < 1000) ways.push(choice(1, 1, "output 0 of 1001 is a background that labels lack"));
  if (low === 1 && high < outputs - 1) ways.push(choice(-1, 3, "no sample has label 0, so they may count from 1"));
  return ways;
}
