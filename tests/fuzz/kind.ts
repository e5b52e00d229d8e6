/** What there is to damage. */
import type { Draw } from "./draw.ts";

/** One kind of input with the code that reads it. */
export interface Kind {
  readonly name: string;
  /** Whether mutants run on the GPU. */
  readonly needsGpu: boolean;
  /** Readies what all mutants share. */
  open(): Promise<Target>;
}

/** Runs mutants of one kind, one after the other. */
export interface Target extends AsyncDisposable {
  /** Makes the mutant of a draw and hands it to the code that reads such input. Resolves to what is wrong, undefined where nothing is. */
  run(draw: Draw): Promise<string | undefined>;
}

/** A kind whose mutants share nothing. */
export function plainKind(name: string, run: Target["run"]): Kind {
  const target: Target = { run, [Symbol.asyncDispose]: () => Promise.resolve() };
  return { name, needsGpu: false, open: () => Promise.resolve(target) };
}
