/** How often the loops of a kernel turn. */
import { rangeOf, span } from "./interval.ts";
import { type Assignment, assignmentsIn, rootOf, type Scope } from "./kernel_scope.ts";
import type { Expression, Statement } from "./wgsl_syntax.ts";

/** A `for`, or a `while` without start and step. */
export type Loop = Statement & { readonly kind: "for" };

/** Trips of a loop, at most. Of conditions joined by "and" the strictest counts. */
export function tripsOf(loop: Loop, scope: Scope): number {
  const { condition } = loop;
  if (condition?.kind !== "binary") return Infinity;
  if (condition.operator === "&&") {
    return Math.min(
      tripsOf({ ...loop, condition: condition.left }, scope),
      tripsOf({ ...loop, condition: condition.right }, scope),
    );
  }
  const { left, operator, right } = condition;
  if (left.kind !== "name") return Infinity;
  const changesWithin = loop.step &&
    loop.body.flatMap(assignmentsIn).some(({ target }) => rootOf(target) === left.name);
  const step = changesWithin ? undefined : stepOf(loop, left.name);
  const start = loop.start?.kind === "define" && loop.start.name === left.name ? loop.start.value : undefined;
  // Variables of enclosing blocks are taken to count up from 0, which integers cannot undercut for unsigned ones.
  const from: Expression = start ?? { kind: "number", value: 0 };
  if (!step) return Infinity;
  const pace = step.value ? span(rangeOf(step.value, scope)) : { low: 1, high: 1 };
  if (operator === "<" || operator === "<=") {
    if (step.operator !== "++" && step.operator !== "+=") return Infinity;
    const distance = distanceOf(from, right, scope) + (operator === "<=" ? 1 : 0);
    return pace.low > 0 ? Math.max(0, Math.ceil(distance / pace.low)) : Infinity;
  }
  if (operator !== ">") return Infinity;
  const [high, low] = [span(rangeOf(from, scope)).high, span(rangeOf(right, scope)).low];
  if (step.operator === "/=" && pace.low > 1 && low >= 0) {
    return Math.max(0, Math.floor(Math.log(Math.max(high, 1)) / Math.log(pace.low) + 1e-9) + 1);
  }
  return step.operator === "--" ? Math.max(0, high - low) : Infinity;
}

/** How a loop's variable goes on: by the loop's own step, or by one assignment in the body of a `while`. */
function stepOf({ step, body }: Loop, name: string): Assignment | undefined {
  const all = step ? [step] : body;
  const found = all.filter((one) => one.kind === "assign" && one.target.kind === "name" && one.target.name === name);
  return found.length === 1 && found[0]!.kind === "assign" ? found[0] : undefined;
}

/** The largest `to - from`, seen through definitions: of `min(first + n, …)` and `first` it is n. */
function distanceOf(from: Expression, to: Expression, scope: Scope): number {
  const plain = span(rangeOf(to, scope)).high - span(rangeOf(from, scope)).low;
  return Math.min(plain, structuralDistance(from, to, scope));
}

function structuralDistance(from: Expression, to: Expression, scope: Scope): number {
  if (isSame(from, to)) return 0;
  const high = (expression: Expression) => span(rangeOf(expression, scope)).high;
  if (to.kind === "call" && to.name === "min") {
    return Math.min(...to.operands.map((operand) => structuralDistance(from, operand, scope)));
  }
  const candidates = [Infinity];
  if (to.kind === "binary" && to.operator === "+") {
    candidates.push(structuralDistance(from, to.left, scope) + high(to.right));
    candidates.push(structuralDistance(from, to.right, scope) + high(to.left));
  }
  if (from.kind === "binary" && from.operator === "+") {
    candidates.push(structuralDistance(from.left, to, scope) - span(rangeOf(from.right, scope)).low);
  }
  if (to.kind === "binary" && from.kind === "binary" && to.operator === "*" && from.operator === "*") {
    if (isSame(from.right, to.right)) candidates.push(structuralDistance(from.left, to.left, scope) * high(to.right));
  }
  const toDefinition = to.kind === "name" ? scope.definitionOf(to.name) : undefined;
  if (toDefinition) candidates.push(structuralDistance(from, toDefinition, scope));
  const fromDefinition = from.kind === "name" ? scope.definitionOf(from.name) : undefined;
  if (fromDefinition) candidates.push(structuralDistance(fromDefinition, to, scope));
  return Math.min(...candidates);
}

/** Whether the number of trips follows from constants alone: compilers unroll such loops. */
export function hasConstantTrips({ start, condition }: Loop, { module }: Scope): boolean {
  const isConstant = (expression: Expression | undefined): boolean => {
    switch (expression?.kind) {
      case "number":
        return true;
      case "name":
        return module.constant(expression.name) !== undefined;
      case "binary":
        return isConstant(expression.left) && isConstant(expression.right);
      case "call":
        return /^[iu]32$/.test(expression.name) && isConstant(expression.operands[0]);
      default:
        return false;
    }
  };
  return start?.kind === "define" && isConstant(start.value) && condition?.kind === "binary" &&
    isConstant(condition.right);
}

function isSame(a: Expression, b: Expression): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
