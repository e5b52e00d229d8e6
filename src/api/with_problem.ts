/** Runs something on an assembled problem, again from the start with less memory where the GPU has too little. */
import { type AssembledProblem, assembleProblem } from "./assembled_problem.ts";
import { fitMemory, type MemoryFit } from "./memory_fit.ts";
import type { Model } from "./model.ts";
import { PhaseClock } from "./phase_clock.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import type { Runtime } from "./runtime.ts";

/** The problem is disposed when `use` is over. What a journal has is not evaluated again. */
export function withProblem<T>(
  runtime: Runtime,
  model: Model,
  options: QuantizeOptions,
  use: (assembled: AssembledProblem, clock: PhaseClock) => Promise<T>,
): Promise<T> {
  const clock = new PhaseClock(options);
  const attempt = async (fit: MemoryFit) => {
    using assembled = await assembleProblem(runtime, model, { ...options, ...fit.sizes }, { clock, fit });
    return await use(assembled, clock);
  };
  return fitMemory(runtime, options, attempt, (text) => options.onEvent?.({ kind: "note", text }));
}
