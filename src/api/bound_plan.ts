/** Planning a network for given inputs: by their shapes alone where that is enough, else by the contents of those that decide shapes. */
import { UnsupportedError } from "../base/errors.ts";
import { type KernelTarget, PORTABLE_TARGET } from "../base/kernel_target.ts";
import { elementCount, type HostTensor, isFloat } from "../base/tensor.ts";
import { withInitializers } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import { inferTypes } from "../ops/infer.ts";
import { type HostTail, runTail, splitTail } from "../passes/host_tail.ts";
import { inlineControlFlow } from "../passes/inline_control_flow.ts";
import type { Session } from "../run/session.ts";
import { type PlannedNetwork, planNetwork } from "./planned_network.ts";
import type { Runtime } from "./runtime.ts";

/** A plan for inputs of certain shapes, and for certain contents of some of them. */
export interface BoundPlan extends PlannedNetwork {
  /** Inputs that became constants of the plan. */
  readonly bound: ReadonlySet<string>;
  /** What is evaluated on the host behind the plan. */
  readonly tail: HostTail | undefined;
}

/** Elements up to which a float input may be what an operator takes for scales or a region rather than for data. */
const SMALL = 16;

/** Elements up to which integers rather become constants than that the host evaluates what depends on them. */
const FEW = 64;

/** What may be done to the graph once inputs are bound. */
export type Optimize = (
  graph: Graph,
  inputs: ReadonlyMap<string, { dtype: HostTensor["dtype"]; shape: readonly number[] }>,
) => Graph;

/**
 * Plans a network with every input given at run time. Where that is not supported because the contents of an input decide shapes,
 * inputs that may be such (integers, then short float vectors) become constants, as they are in real networks; what is left then is
 * evaluated on the host. Inputs named in `fixed` are constants in any case.
 */
export function planFor(
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  options: { readonly target?: KernelTarget; readonly fixed?: ReadonlySet<string>; readonly optimize?: Optimize } = {},
): BoundPlan {
  const { target = PORTABLE_TARGET, fixed = new Set(), optimize = (same) => same } = options;
  let refusal: UnsupportedError | undefined;
  for (const { isBound, hasTail } of ATTEMPTS) {
    const constants = new Map(
      [...inputs].filter(([name, tensor], place) => fixed.has(name) || isBound(tensor, place)),
    );
    try {
      const { device, tail } = bind(graph, inputs, { constants, optimize });
      if (tail && !hasTail) continue;
      const types = new Map(device.inputs.map(({ name }) => [name, typeOf(inputs.get(name)!)]));
      return { ...planNetwork(inferTypes(device, types), target), bound: new Set(constants.keys()), tail };
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      refusal ??= error;
    }
  }
  throw refusal ?? new UnsupportedError("Cannot plan network");
}

/** Which inputs become constants, from fewest to most, and whether the host may evaluate the end of the network. */
const ATTEMPTS: readonly { isBound(tensor: HostTensor, place: number): boolean; readonly hasTail: boolean }[] = [
  { isBound: () => false, hasTail: false },
  { isBound: ({ dtype, data }, place) => place > 0 && !isFloat(dtype) && data.length <= FEW, hasTail: false },
  { isBound: () => false, hasTail: true },
  { isBound: ({ dtype }, place) => place > 0 && !isFloat(dtype), hasTail: true },
  { isBound: ({ dtype }) => !isFloat(dtype), hasTail: true },
  { isBound: (tensor, place) => place > 0 && maySteer(tensor), hasTail: true },
  { isBound: maySteer, hasTail: true },
];

function maySteer({ dtype, shape }: HostTensor): boolean {
  return !isFloat(dtype) || (shape.length <= 1 && elementCount(shape) <= SMALL);
}

function bind(
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  { constants, optimize }: { readonly constants: ReadonlyMap<string, HostTensor>; readonly optimize: Optimize },
) {
  const bound = withInitializers(
    { ...graph, inputs: graph.inputs.filter(({ name }) => !constants.has(name)) },
    constants,
  );
  const types = new Map(bound.inputs.map(({ name }) => [name, typeOf(inputs.get(name)!)]));
  const { device, tail } = splitTail(inlineControlFlow(bound, types), types);
  return { device: optimize(device, types), tail };
}

function typeOf({ dtype, shape }: HostTensor) {
  return { dtype, shape };
}

/** Runs a bound plan in a session made for it. */
export async function runBound(
  runtime: Runtime,
  session: Session,
  { bound, tail }: BoundPlan,
  inputs: ReadonlyMap<string, HostTensor>,
): Promise<HostTensor[]> {
  for (const [name, tensor] of inputs) if (!bound.has(name)) session.writeInput(name, tensor);
  session.run();
  const outputs = await session.read();
  runtime.gpu.check();
  return tail ? runTail(tail, outputs) : outputs;
}
