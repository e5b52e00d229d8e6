/** Every operator of the project, one line each. */
import type { OpDef } from "./op.ts";
import { ACTIVATION_OPERATORS } from "./activations.ts";
import { ARITHMETIC_OPERATORS } from "./arithmetic.ts";
import { cast, castLike } from "./cast.ts";
import { CLIP_OPERATORS } from "./clip.ts";
import { COMPARISON_OPERATORS } from "./comparisons.ts";
import { concat } from "./concat.ts";
import { expand } from "./expand.ts";
import { gather } from "./gather.ts";
import { dropout, identity } from "./identity.ts";
import { MATH_OPERATORS } from "./math_functions.ts";
import { pad } from "./pad.ts";
import { reshapes } from "./reshape.ts";
import { slice } from "./slice.ts";
import { split } from "./split.ts";
import { transpose } from "./transpose.ts";
import { VARIADIC_OPERATORS } from "./variadic.ts";
import { where } from "./where.ts";

export const OPERATORS: readonly OpDef[] = [
  ...ACTIVATION_OPERATORS,
  ...ARITHMETIC_OPERATORS,
  cast,
  castLike,
  ...CLIP_OPERATORS,
  ...COMPARISON_OPERATORS,
  concat,
  expand,
  gather,
  dropout,
  identity,
  ...MATH_OPERATORS,
  pad,
  ...reshapes,
  slice,
  split,
  transpose,
  ...VARIADIC_OPERATORS,
  where,
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
