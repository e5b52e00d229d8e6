/** The quantized network from which groups are reverted: plain int8, or a better whole-network choice. */
import { mendNetwork } from "./mend_network.ts";
import { measure, meetsTarget, recordState, type Run, type State, worstOf } from "./run.ts";
import { uniformAssignment } from "./problem.ts";
import { tuneQuantization } from "./tune.ts";

/**
 * Quantizes everything, then tries the mixed preset, the candidates of `tryFirst` and tuned parameters as far as the options ask
 * for them, until the target is met; at last, where mending is on, the other candidates that a subset speaks for. A try is adopted
 * when its worst drop is smaller; under POT's rule the mixed preset always is.
 */
export async function firstState(run: Run): Promise<State> {
  const { problem, options } = run;
  run.trace.begin("quantize");
  let current = await measure(run, uniformAssignment(problem.groups, 0));
  const isMet = () => meetsTarget(run, current);
  recordState(run, "quantize", current, true, isMet() ? "target_met" : "first_state");
  for (const { action, candidate } of wholeNetworkTries(run)) {
    if (isMet()) return current;
    run.trace.begin(action);
    const state = await measure(run, uniformAssignment(problem.groups, candidate));
    const replaces = action === "mixed" && options.compatibility === "pot";
    const isBetter = worstOf(run, state) < worstOf(run, current) || meetsTarget(run, state);
    const reason = meetsTarget(run, state) ? "target_met" : replaces ? "replaces" : isBetter ? "better" : "not_better";
    recordState(run, action, state, replaces || isBetter, reason);
    if (replaces || isBetter) current = state;
  }
  if (options.tuneHyperparams && !isMet()) current = await tuneQuantization(run, current);
  return options.mend && !isMet() ? await mendNetwork(run, current) : current;
}

function wholeNetworkTries({ problem, options, warnings }: Run): { action: "mixed" | "try"; candidate: number }[] {
  const tries = options.tryFirst.map((candidate) => ({ action: "try" as const, candidate }));
  if (!options.convertToMixedPreset) return tries;
  if (problem.mixedCandidate === undefined) {
    warnings.push("convert_to_mixed_preset has no effect: the quantization is not of the performance preset");
    return tries;
  }
  return [{ action: "mixed", candidate: problem.mixedCandidate }, ...tries];
}
