/** What the kernel of a step does with its operands. */
import type { Dispatch, Shader } from "../base/dispatch.ts";
import { type Binding, usedOperands } from "../gpu/link.ts";
import type { DraftStep } from "./draft.ts";

/** Whether a binding of a kernel is written. */
export function writesOf(step: DraftStep): boolean[] {
  const used = ownBindings(step.dispatch);
  return step.operands.map((_, place) => used.some(({ binding, type }) => binding === place && type === "storage"));
}

/** Whether a kernel does anything with a binding. */
export function bindsOf(step: DraftStep): boolean[] {
  const used = ownBindings(step.dispatch);
  return step.operands.map((_, place) => used.some(({ binding }) => binding === place));
}

/** Bindings of kernels by what they are generated from: networks have few kinds of kernels. */
const known = new WeakMap<Shader, Map<string, readonly Binding[]>>();

/** The operands that a kernel uses. */
function ownBindings(dispatch: Dispatch): readonly Binding[] {
  const { shader, functions = "" } = dispatch;
  let ofShader = known.get(shader);
  if (!ofShader) known.set(shader, ofShader = new Map());
  let bindings = ofShader.get(functions);
  if (!bindings) ofShader.set(functions, bindings = usedOperands(dispatch));
  return bindings;
}
