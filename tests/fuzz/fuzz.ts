/** Runs mutants, and finds out what became of those that nobody lived to tell of. */
import { Draw } from "./draw.ts";
import type { Kind } from "./kind.ts";
import { commandKind } from "./kinds/command.ts";
import { arraysKind, linesKind, picturesKind } from "./kinds/data.ts";
import { configurationKind, datasetKind, journalKind, sensitivityKind } from "./kinds/documents.ts";
import { externalKind, modelKind, runKind } from "./kinds/models.ts";

/** All kinds. */
export const KINDS: readonly Kind[] = [
  modelKind,
  externalKind,
  configurationKind,
  datasetKind,
  sensitivityKind,
  journalKind,
  arraysKind,
  picturesKind,
  linesKind,
  runKind,
  commandKind,
];

/** A mutant that was not taken as it should be. */
export interface Finding {
  readonly index: number;
  readonly complaint: string;
}

/** Time that one mutant may take, in ms. */
const LONGEST_MS = 30_000;

/** Runs the mutants `from` to `to` - 1 of a seed until `deadline`, a time of `performance.now()`; gives where it stopped. */
export async function runMutants(
  kind: Kind,
  { seed, from, to, deadline }: { seed: number; from: number; to: number; deadline: number },
  hooks: { readonly onStart?: (index: number) => void; readonly onFinding: (finding: Finding) => void },
): Promise<number> {
  await using target = await kind.open();
  for (let index = from; index < to; index++) {
    if (performance.now() > deadline) return index;
    hooks.onStart?.(index);
    const start = performance.now();
    const complaint = await target.run(new Draw(seed, index));
    const elapsed = performance.now() - start;
    if (complaint !== undefined) hooks.onFinding({ index, complaint });
    else if (elapsed > LONGEST_MS) hooks.onFinding({ index, complaint: `took ${Math.round(elapsed)} ms` });
  }
  return to;
}
