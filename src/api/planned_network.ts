/** A network planned and opened in the precision that its file has: a QDQ model runs as its emulation does. */
import type { KernelTarget } from "../base/kernel_target.ts";
import { inferTypes, type TypedGraph } from "../ops/infer.ts";
import { type ReadNetwork, readQuantizers } from "../passes/read_quantizers.ts";
import { buildPlan } from "../plan/build.ts";
import type { Plan, Step } from "../plan/plan.ts";
import { Session } from "../run/session.ts";
import type { Runtime } from "./runtime.ts";

/** A plan with what a session of it needs to compute what the file says. */
export interface PlannedNetwork {
  readonly plan: Plan;
  /** Undefined for networks whose file has no quantizers. */
  readonly quantizers: Pick<ReadNetwork, "layout" | "data"> | undefined;
}

/** Number of the only candidate. */
const CANDIDATE = 0;

/** Plans a network, with the quantizers that its file has in the stores. */
export function planNetwork(typed: TypedGraph, target?: KernelTarget): PlannedNetwork {
  const options = target ? { target } : {};
  const read = readQuantizers(typed);
  if (!read) return { plan: buildPlan(typed, [], options), quantizers: undefined };
  const inputs = new Map(read.graph.inputs.map(({ name }) => [name, typed.types.get(name)!]));
  const plan = buildPlan(inferTypes(read.graph, inputs), read.layout.quantizers, options);
  return { plan: { ...plan, steps: plan.steps.map(withoutFloat) }, quantizers: read };
}

/** A step of a network that never computes in float: no kernel is compiled for that. */
function withoutFloat(step: Step): Step {
  const { quantizer0, quantizer1 } = step.epilogue;
  return { ...step, onlyFor: step.onlyFor ?? quantizer0 ?? quantizer1 };
}

/** A session that computes what the file says wherever no assignment is given. */
export async function openNetwork(
  { gpu, pipelines }: Pick<Runtime, "gpu" | "pipelines">,
  { plan, quantizers }: PlannedNetwork,
): Promise<Session> {
  const session = await Session.create(gpu, pipelines, plan, quantizers?.layout);
  if (quantizers) {
    session.setCandidate(CANDIDATE, quantizers.data);
    session.assume(CANDIDATE);
  }
  return session;
}
