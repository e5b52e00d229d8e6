/** Which preprocessing an input gets. */
import { DatasetError } from "../base/errors.ts";
import { type DatasetConfig, NO_PREPROCESSING } from "./dataset_config.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { didYouMean } from "./spelling.ts";

/** The list of the input, or the list of all where the configuration has one; several inputs need a list each. */
export function preprocessingOf(config: DatasetConfig, input: string | undefined, inputCount: number): Preprocessing {
  const { preprocessing, inputs } = config;
  if (isPreprocessing(preprocessing)) {
    if (inputCount > 1 && preprocessing !== NO_PREPROCESSING && !isEmpty(preprocessing)) {
      throw new DatasetError(
        `Cannot open dataset "${config.name}": one "preprocessing" for ${inputCount} inputs, ` +
          `expected an object with a list for each input that needs one`,
      );
    }
    return preprocessing;
  }
  for (const name of preprocessing.keys()) {
    const known = typeof inputs === "string" ? undefined : [...inputs.keys()];
    if (known !== undefined && !known.includes(name)) {
      throw new DatasetError(
        `Cannot open dataset "${config.name}": "preprocessing" names input "${name}", expected one of ${
          known.join(", ")
        }${didYouMean(name, known)}`,
      );
    }
  }
  return (input === undefined ? undefined : preprocessing.get(input)) ?? NO_PREPROCESSING;
}

function isPreprocessing(value: DatasetConfig["preprocessing"]): value is Preprocessing {
  return "steps" in value;
}

function isEmpty({ steps, affine }: Preprocessing): boolean {
  return steps.length === 0 && affine === undefined;
}
