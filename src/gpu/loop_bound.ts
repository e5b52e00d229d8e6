/**
 * How many loop iterations an invocation of a kernel may run, derived from its text, its constants and its uniforms. Software adapters
 * stop an invocation silently after 65,535 of all its loops together, and a loop without an end hangs any other.
 */
import type { Dispatch } from "../base/dispatch.ts";
import { ANYTHING, rangeOf, span } from "./interval.ts";
import { builtinInput, functionsOf, Module, Scope, scopeOfCall } from "./kernel_scope.ts";
import { hasConstantTrips, type Loop, tripsOf } from "./loop_trips.ts";
import type { Block, Expression, Statement } from "./wgsl_syntax.ts";

/** Iterations that one invocation may run: lavapipe stops silently after 65,535. */
export const LOOP_CAP = 65_000;

/** Trips of a loop over constants up to which compilers unroll it: the adapter then counts none. */
const UNROLLED = 16;

/** Steps of an outer loop up to which inner loops that depend on it are summed one by one rather than bounded by their longest. */
const SUMMED = 256;

/**
 * Iterations of all loops of one invocation together, at most; Infinity where the text does not tell. Loops of up to `unrolled` constant
 * trips count only for what is in them.
 */
export function loopBound(dispatch: Dispatch, unrolled: number = UNROLLED): number {
  const functions = functionsOf(`${dispatch.shader.code}\n${dispatch.functions ?? ""}`);
  const main = functions.byName.get("main");
  if (!main || !functions.looping.has(main.name)) return 0;
  const { constants, uniforms, workgroups } = dispatch;
  const key = JSON.stringify([constants, uniforms, workgroups, unrolled]);
  let bound = functions.bounds.get(key);
  if (bound === undefined) {
    const size = Number(constants["WORKGROUP_SIZE"] ?? 256);
    const scope = new Scope(new Module(dispatch, functions, unrolled));
    for (const { name, builtin } of main.parameters) scope.set(name, builtinInput(builtin, workgroups, size));
    functions.bounds.set(key, bound = boundOfBlock(main.body, scope));
  }
  return bound;
}

function boundOfBlock(block: Block, scope: Scope): number {
  let sum = 0;
  for (const statement of block) {
    sum += boundOfStatement(statement, block, scope);
    if (isLast(statement, scope)) break;
  }
  return sum;
}

/** Whether nothing behind a statement is reached: it returns, or does so under a condition that always holds. */
function isLast(statement: Statement, scope: Scope): boolean {
  if (statement.kind === "return") return true;
  return statement.kind === "if" && statement.then.at(-1)?.kind === "return" &&
    span(rangeOf(statement.condition, scope)).low > 0;
}

function boundOfStatement(statement: Statement, block: Block, scope: Scope): number {
  const inside = (body: Block) => boundOfBlock(body, new Scope(scope.module, scope));
  switch (statement.kind) {
    case "define":
      scope.define(statement, block);
      return boundOfCalls(statement.value, scope);
    case "assign":
      return boundOfCalls(statement.target, scope) + (statement.value ? boundOfCalls(statement.value, scope) : 0);
    case "evaluate":
      return boundOfCalls(statement.value, scope);
    case "return":
      return statement.value ? boundOfCalls(statement.value, scope) : 0;
    case "block":
      return inside(statement.body);
    case "if": {
      const condition = span(rangeOf(statement.condition, scope));
      // Invocations of one vector may go both ways.
      return boundOfCalls(statement.condition, scope) + (condition.high > 0 ? inside(statement.then) : 0) +
        (condition.low <= 0 ? inside(statement.otherwise) : 0);
    }
    case "for":
      return boundOfLoop(statement, scope);
    case "jump":
      return 0;
  }
}

/** Iterations within the functions that an expression calls. */
function boundOfCalls(expression: Expression, scope: Scope): number {
  switch (expression.kind) {
    case "call": {
      const within = expression.operands.reduce((sum, operand) => sum + boundOfCalls(operand, scope), 0);
      const called = scope.module.functions.get(expression.name);
      if (!called || !scope.module.looping.has(expression.name)) return within;
      const operands = expression.operands.map((operand) => rangeOf(operand, scope));
      return within + boundOfBlock(called.body, scopeOfCall(scope.module, called, operands));
    }
    case "binary":
      return boundOfCalls(expression.left, scope) + boundOfCalls(expression.right, scope);
    case "unary":
    case "member":
      return boundOfCalls(expression.of, scope);
    case "index":
      return boundOfCalls(expression.of, scope) + boundOfCalls(expression.at, scope);
    default:
      return 0;
  }
}

/**
 * Iterations of a loop with those within it. As adapters count, finding an inner loop's end is one more. Loops of few constant trips are
 * unrolled and count only for what is in them.
 */
function boundOfLoop(loop: Loop, outer: Scope): number {
  const scope = new Scope(outer.module, outer);
  const start = loop.start?.kind === "define" ? loop.start : undefined;
  if (start) scope.set(start.name, ANYTHING);
  const trips = tripsOf(loop, scope);
  if (trips === 0) return 0;
  const startRange = start ? span(rangeOf(start.value, outer)) : undefined;
  const bodyAt = (low: number, high: number) => {
    if (start) scope.set(start.name, [{ low, high }]);
    return boundOfBlock(loop.body, scope);
  };
  const isCountedUp = startRange !== undefined && loop.step?.kind === "assign" && loop.step.operator === "++";
  const lowest = isCountedUp ? startRange.low : -Infinity;
  const body = bodyAt(lowest, isCountedUp ? startRange.high + trips - 1 : Infinity);
  const isUnrolled = trips <= outer.module.unrolled && hasConstantTrips(loop, outer);
  const own = isUnrolled ? 0 : trips + 1;
  if (body === 0) return own;
  const isTriangular = isCountedUp && startRange.low === startRange.high && trips <= SUMMED &&
    headersIn(loop.body).includes(`{"kind":"name","name":"${start?.name}"}`);
  if (!isTriangular) return own + trips * body;
  return own + Array.from({ length: trips }, (_, step) => bodyAt(lowest + step, lowest + step))
    .reduce((sum, inner) => sum + inner, 0);
}

/** The heads of all loops of a block, as text. */
function headersIn(block: Block): string {
  return block.map((statement): string => {
    switch (statement.kind) {
      case "for":
        return JSON.stringify([statement.start, statement.condition]) + headersIn(statement.body);
      case "if":
        return headersIn(statement.then) + headersIn(statement.otherwise);
      case "block":
        return headersIn(statement.body);
      default:
        return "";
    }
  }).join("");
}
