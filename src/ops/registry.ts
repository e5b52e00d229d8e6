/** Every operator of the project, one line each. */
import type { OpDef } from "./op.ts";
import { leakyRelu } from "./leaky_relu.ts";

export const OPERATORS: readonly OpDef[] = [
  leakyRelu,
];

const byName = new Map<string, OpDef[]>();
for (const operator of OPERATORS) {
  const key = `${operator.domain ?? ""}:${operator.type}`;
  byName.set(key, [...byName.get(key) ?? [], operator].sort((a, b) => b.since - a.since));
}

/** The definition with the newest semantics not above `opset`, or undefined where there is none. */
export function findOperator(type: string, domain: string, opset: number): OpDef | undefined {
  return byName.get(`${domain}:${type}`)?.find((operator) => domain !== "" || operator.since <= opset);
}
