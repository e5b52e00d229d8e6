/** How scattered updates meet what is there already. */
import { UnsupportedError } from "../base/errors.ts";
import { type DType, isFloat } from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";
import { wrapped } from "./words.ts";

/** The reductions of ScatterElements and ScatterND. */
export type Reduction = "none" | "add" | "mul" | "min" | "max";

const EXPRESSIONS: Readonly<Record<Reduction, string>> = {
  none: "update",
  add: "old + update",
  mul: "old * update",
  min: "min(old, update)",
  max: "max(old, update)",
};

/** The attribute `reduction`. */
export function readReduction(raw: AttributeReader): Reduction {
  return raw.string<Reduction>("reduction", "none", ["none", "add", "mul", "min", "max"]);
}

/** The WGSL function `reduce` over the kernel's type T. */
export function reduceFunction(reduction: Reduction, dtype: DType): string {
  if (dtype === "bool" && reduction !== "none") {
    throw new UnsupportedError(`Cannot scatter: reduction is "${reduction}" of bool, expected "none"`);
  }
  return `fn reduce(old: T, update: T) -> T { return ${wrapped(EXPRESSIONS[reduction], dtype)}; }`;
}

/** The same on the host; products of 32-bit integers wrap around. */
export function reduceOnHost(reduction: Reduction, dtype: DType, old: number, update: number): number {
  switch (reduction) {
    case "none":
      return update;
    case "add":
      return old + update;
    case "mul":
      return isFloat(dtype) || dtype.endsWith("64") ? old * update : Math.imul(old, update);
    case "min":
      return Math.min(old, update);
    case "max":
      return Math.max(old, update);
  }
}
