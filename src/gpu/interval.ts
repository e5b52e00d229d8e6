/** Where values of WGSL expressions lie, component by component. Integers are taken not to wrap around. */
import type { Expression } from "./wgsl_syntax.ts";

/** The numbers from `low` to `high`, both included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** One interval per component: one of a scalar. */
export type Range = readonly Interval[];

/** What names stand for. */
export interface Names {
  /** Where the value of a name lies; undefined where nothing is known of it. */
  rangeOf(name: string): Range | undefined;
  /** The range of a function of the module for operands in ranges; undefined where it has none of that name. */
  rangeOfCall(name: string, operands: readonly Range[]): Range | undefined;
  /** The range of `params.name`. */
  rangeOfField(name: string): Range | undefined;
}

/** Any number. */
export const ANYTHING: Range = [{ low: -Infinity, high: Infinity }];

/** One number. */
export function exactly(...values: readonly number[]): Range {
  return values.map((value) => ({ low: value, high: value }));
}

/** All numbers of several ranges; components stay apart where all have as many. */
export function hull(ranges: readonly Range[]): Range {
  const [first] = ranges;
  if (!first) return ANYTHING;
  const count = ranges.every((range) => range.length === first.length) ? first.length : 1;
  const parts = count === first.length ? ranges : [ranges.flat().map((one) => one)].map((all) => [span(all)]);
  return Array.from({ length: count }, (_, place) => span(parts.map((range) => range[place]!)));
}

/** The smallest interval around all components. */
export function span(intervals: readonly Interval[]): Interval {
  return {
    low: Math.min(...intervals.map(({ low }) => low)),
    high: Math.max(...intervals.map(({ high }) => high)),
  };
}

/** Where an expression's value lies. */
export function rangeOf(expression: Expression, names: Names): Range {
  switch (expression.kind) {
    case "number":
      return exactly(expression.value);
    case "name":
      return names.rangeOf(expression.name) ?? ANYTHING;
    case "member":
      return memberRange(expression, names);
    case "index":
      return elementRange(rangeOf(expression.of, names), span(rangeOf(expression.at, names)));
    case "unary":
      return unaryRange(expression.operator, rangeOf(expression.of, names));
    case "binary": {
      const [left, right] = [rangeOf(expression.left, names), rangeOf(expression.right, names)];
      return componentwise([left, right], ([a, b]) => binaryInterval(expression.operator, a!, b!));
    }
    case "call": {
      const operands = expression.operands.map((operand) => rangeOf(operand, names));
      return names.rangeOfCall(expression.name, operands) ?? builtinRange(expression.name, operands);
    }
  }
}

function memberRange({ of, name }: Expression & { readonly kind: "member" }, names: Names): Range {
  if (of.kind === "name" && of.name === "params") return names.rangeOfField(name) ?? ANYTHING;
  const range = rangeOf(of, names);
  if (range.length === 1) return range;
  return [...name].map((component) => range["xyzw".indexOf(component)] ?? span(range));
}

/** An element of a vector, or of an array of vectors, whose components then stand one behind the other. */
function elementRange(range: Range, { low, high }: Interval): Range {
  const size = range.length > 4 ? 4 : 1;
  const isKnown = low === high && low >= 0 && (low + 1) * size <= range.length;
  return isKnown ? range.slice(low * size, (low + 1) * size) : [span(range)];
}

function componentwise(ranges: readonly Range[], combine: (parts: Interval[]) => Interval): Range {
  const count = Math.max(...ranges.map((range) => range.length));
  return Array.from(
    { length: count },
    (_, place) => combine(ranges.map((range) => range.length === 1 ? range[0]! : range[place] ?? span(range))),
  );
}

function unaryRange(operator: string, range: Range): Range {
  if (operator === "-") return range.map(({ low, high }) => ({ low: -high, high: -low }));
  if (operator === "!") return range.map(({ low, high }) => ({ low: high === 0 ? 1 : 0, high: low > 0 ? 0 : 1 }));
  return operator === "~" ? ANYTHING : range;
}

function binaryInterval(operator: string, a: Interval, b: Interval): Interval {
  switch (operator) {
    case "+":
      return { low: a.low + b.low, high: a.high + b.high };
    case "-":
      return { low: a.low - b.high, high: a.high - b.low };
    case "*":
      return products(a, b);
    case "/":
      // Of integers the quotient is cut, which brings it nearer to zero.
      return b.low > 0 ? products(a, { low: 1 / b.high, high: 1 / b.low }) : ANYTHING[0]!;
    case "%":
      if (b.low <= 0) return ANYTHING[0]!;
      return a.low >= 0 ? { low: 0, high: Math.min(a.high, b.high) } : { low: -b.high, high: b.high };
    default:
      return comparison(operator, a, b);
  }
}

function products(a: Interval, b: Interval): Interval {
  const all = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high].map((one) =>
    Number.isNaN(one) ? 0 : one
  );
  return { low: Math.min(...all), high: Math.max(...all) };
}

/** 1 where it always holds, 0 where it never does; anything of bits. */
function comparison(operator: string, a: Interval, b: Interval): Interval {
  const verdict = (always: boolean, never: boolean): Interval => ({ low: always ? 1 : 0, high: never ? 0 : 1 });
  const isSame = a.low === a.high && b.low === b.high && a.low === b.low;
  const isApart = a.high < b.low || b.high < a.low;
  switch (operator) {
    case "<":
      return verdict(a.high < b.low, a.low >= b.high);
    case "<=":
      return verdict(a.high <= b.low, a.low > b.high);
    case ">":
      return verdict(a.low > b.high, a.high <= b.low);
    case ">=":
      return verdict(a.low >= b.high, a.high < b.low);
    case "==":
      return verdict(isSame, isApart);
    case "!=":
      return verdict(isApart, isSame);
    case "&&":
      return verdict(a.low > 0 && b.low > 0, a.high === 0 || b.high === 0);
    case "||":
      return verdict(a.low > 0 || b.low > 0, a.high === 0 && b.high === 0);
    default:
      return ANYTHING[0]!;
  }
}

function builtinRange(name: string, operands: readonly Range[]): Range {
  const each = (combine: (parts: Interval[]) => Interval) => componentwise(operands, combine);
  const monotone = (of: (value: number) => number) => each(([x]) => ({ low: of(x!.low), high: of(x!.high) }));
  switch (name) {
    case "min":
      return each(([a, b]) => ({ low: Math.min(a!.low, b!.low), high: Math.min(a!.high, b!.high) }));
    case "max":
      return each(([a, b]) => ({ low: Math.max(a!.low, b!.low), high: Math.max(a!.high, b!.high) }));
    case "clamp":
      return each(([x, low, high]) => ({
        low: Math.min(Math.max(x!.low, low!.low), high!.low),
        high: Math.min(Math.max(x!.high, low!.high), high!.high),
      }));
    case "select":
      return each(([no, yes, condition]) =>
        condition!.low > 0 ? yes! : condition!.high === 0 ? no! : span([no!, yes!])
      );
    case "floor":
    case "ceil":
    case "round":
    case "trunc":
      return monotone(Math[name]);
    case "i32":
      return monotone(Math.trunc);
    case "u32":
      return each(([x]) => ({ low: Math.max(0, Math.trunc(x!.low)), high: Math.max(0, Math.trunc(x!.high)) }));
    case "f32":
      return operands[0] ?? ANYTHING;
    case "vec2":
    case "vec3":
    case "vec4":
      return operands.length === 1 ? operands[0]! : operands.flat();
    default:
      return ANYTHING;
  }
}
