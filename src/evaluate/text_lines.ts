/** Metrics of text recognizers trained with CTC. */
import { DatasetError } from "../base/errors.ts";
import { formatShape, isFloat, type TensorType } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import type { EvaluatedSample, Metric, Reduction } from "./metric.ts";

/** How outputs become text, and how texts are compared. */
export interface TextOptions {
  /** Class that stands for no character; 0 unless stated, negative from the end. */
  readonly blank?: number;
  /** Whether upper and lower case differ. */
  readonly caseSensitive?: boolean;
  /** Whether spaces count. */
  readonly countsSpaces?: boolean;
}

/**
 * Share of lines that are read without an error.
 *
 * ```ts
 * import { lineAccuracy } from "@holdfast/holdfast";
 *
 * const metric = lineAccuracy({ caseSensitive: true });
 * console.log(metric.name, metric.direction);
 * ```
 */
export function lineAccuracy(options: TextOptions = {}): Metric {
  return textMetric("line_accuracy", options, {
    sample: (read, wanted) => ({ right: read === wanted ? 1 : 0, all: 1 }),
  });
}

/**
 * One minus the edits that turn what was read into the transcriptions, over the characters of the latter.
 *
 * ```ts
 * import { characterAccuracy } from "@holdfast/holdfast";
 *
 * const metric = characterAccuracy();
 * console.log(metric.name, metric.direction);
 * ```
 */
export function characterAccuracy(options: TextOptions = {}): Metric {
  return textMetric("character_accuracy", options, {
    sample: (read, wanted) => {
      const [from, to] = [[...read], [...wanted]];
      return { right: to.length - editDistance(from, to), all: to.length };
    },
  });
}

/** Greedy CTC: the class of each step, repeats dropped, then blanks. */
export function decodeCtc(classes: ArrayLike<number>, characters: readonly string[], blank: number): string {
  let text = "";
  for (let step = 0; step < classes.length; step++) {
    const one = classes[step]!;
    if (one !== blank && (step === 0 || one !== classes[step - 1])) text += characters[one] ?? "";
  }
  return text;
}

interface TextScore {
  /** What of one line is right, of how much. */
  sample(read: string, wanted: string): { readonly right: number; readonly all: number };
}

function textMetric(name: string, options: TextOptions, { sample: score }: TextScore): Metric {
  const { blank = 0, caseSensitive = false, countsSpaces = false } = options;
  const comparable = (text: string) => {
    const spaced = countsSpaces ? text : text.replaceAll(/\s/g, "");
    return caseSensitive ? spaced : spaced.toUpperCase();
  };
  return {
    name,
    direction: "higher_better",
    reduction: bestOfEachStep,
    start(dataset) {
      const characters = charactersOf(dataset, name);
      const blankClass = blank < 0 ? characters.length + blank : blank;
      let right = 0;
      let all = 0;
      return {
        add(sample: EvaluatedSample) {
          const read = comparable(decodeCtc(stepsOf(sample), characters, blankClass));
          const own = score(read, comparable(String(sample.label)));
          right += own.right;
          all += own.all;
          return own.all === 0 ? NaN : own.right / own.all;
        },
        value: () => all === 0 ? NaN : right / all,
      };
    },
  };
}

/** [T, classes] → [T]. */
function bestOfEachStep({ dtype, shape }: TensorType): Reduction | undefined {
  return isFloat(dtype) && shape.length === 2 ? { kind: "arg_max", axis: 1 } : undefined;
}

function stepsOf({ outputs: [steps], index }: EvaluatedSample): ArrayLike<number> {
  if (steps && steps.shape.length === 1) return steps.data;
  throw new DatasetError(
    `Cannot score sample ${index}: output is ${formatShape(steps?.shape ?? [])}, expected [steps, characters]`,
  );
}

function charactersOf({ name: dataset, labels }: Dataset, metric: string): readonly string[] {
  if (labels?.kind !== "text") {
    throw new DatasetError(`Cannot compute ${metric} on dataset "${dataset}": it has no transcriptions`);
  }
  if (labels.characters) return labels.characters;
  throw new DatasetError(
    `Cannot compute ${metric} on dataset "${dataset}": it does not say which class is which character, expected a file "characters"`,
  );
}

/** Fewest insertions, deletions and replacements (Levenshtein). */
function editDistance(from: readonly string[], to: readonly string[]): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  from.forEach((one, row) => {
    const current = [row + 1];
    to.forEach((other, column) => {
      const replaced = previous[column]! + (one === other ? 0 : 1);
      current.push(Math.min(replaced, previous[column + 1]! + 1, current[column]! + 1));
    });
    previous = current;
  });
  return previous[to.length]!;
}
