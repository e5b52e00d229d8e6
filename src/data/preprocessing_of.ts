/** Which preprocessing an input gets. */
import { DatasetError } from "../base/errors.ts";
import { type DatasetConfig, NO_PREPROCESSING } from "./dataset_config.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { didYouMean } from "./spelling.ts";

/** The list of the input, or the list of all where the configuration has one; several inputs need a list each. */
export function preprocessingOf(
  config: Pick<DatasetConfig, "name" | "preprocessing">,
  input: string | undefined,
  inputs: readonly (string | undefined)[],
): Preprocessing {
  const { preprocessing } = config;
  if (isPreprocessing(preprocessing)) {
    if (inputs.length > 1 && !isEmpty(preprocessing)) {
      throw new DatasetError(
        `Cannot open dataset "${config.name}": one "preprocessing" for ${inputs.length} inputs, ` +
          `expected an object with a list for each input that needs one`,
      );
    }
    return preprocessing;
  }
  const known = inputs.filter((name) => name !== undefined);
  const unknown = [...preprocessing.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const expected = known.length === 0 ? "a list, for the only input has no name" : `one of ${known.join(", ")}`;
    throw new DatasetError(
      `Cannot open dataset "${config.name}": "preprocessing" names input "${unknown}", expected ${expected}${
        didYouMean(unknown, known)
      }`,
    );
  }
  return (input === undefined ? undefined : preprocessing.get(input)) ?? NO_PREPROCESSING;
}

function isPreprocessing(value: DatasetConfig["preprocessing"]): value is Preprocessing {
  return "steps" in value;
}

function isEmpty({ steps, affine }: Preprocessing): boolean {
  return steps.length === 0 && affine === undefined;
}
