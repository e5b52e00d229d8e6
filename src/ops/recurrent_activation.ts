/** Activation functions of recurrent operators, by their names in the specification. */
import { ModelError } from "../base/errors.ts";

/** A function with its two numbers, where it takes them. */
export interface RecurrentActivation {
  readonly name: string;
  readonly alpha: number;
  readonly beta: number;
}

interface Row {
  /** Defaults of those numbers that the function takes. */
  readonly alpha?: number;
  readonly beta?: number;
  /** WGSL expression in `x`, `alpha` and `beta`. */
  readonly wgsl: string;
  readonly value: (x: number, alpha: number, beta: number) => number;
}

const ROWS: Readonly<Record<string, Row>> = {
  relu: { wgsl: "max(x, 0.0)", value: (x) => Math.max(x, 0) },
  tanh: { wgsl: "hyperbolic_tangent(x)", value: Math.tanh },
  sigmoid: { wgsl: "1.0 / (1.0 + exp(-x))", value: (x) => 1 / (1 + Math.exp(-x)) },
  affine: { alpha: 1, beta: 0, wgsl: "alpha * x + beta", value: (x, alpha, beta) => alpha * x + beta },
  leakyrelu: { alpha: 0.01, wgsl: "select(x, alpha * x, x < 0.0)", value: (x, alpha) => x < 0 ? alpha * x : x },
  thresholdedrelu: { alpha: 1, wgsl: "select(0.0, x, x >= alpha)", value: (x, alpha) => x >= alpha ? x : 0 },
  scaledtanh: {
    alpha: 1,
    beta: 1,
    wgsl: "alpha * hyperbolic_tangent(beta * x)",
    value: (x, alpha, beta) => alpha * Math.tanh(beta * x),
  },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    wgsl: "clamp(alpha * x + beta, 0.0, 1.0)",
    value: (x, alpha, beta) => Math.min(1, Math.max(0, alpha * x + beta)),
  },
  elu: {
    alpha: 1,
    wgsl: "select(x, alpha * expm1(min(x, 0.0)), x < 0.0)",
    value: (x, alpha) => x < 0 ? alpha * Math.expm1(x) : x,
  },
  softsign: { wgsl: "x / (1.0 + abs(x))", value: (x) => x / (1 + Math.abs(x)) },
  softplus: { wgsl: "softplus(x)", value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) },
};

function rowOf(name: string): Row {
  const row = ROWS[name.toLowerCase()];
  if (!row) throw new ModelError(`Cannot use activation "${name}": expected one of ${Object.keys(ROWS).join(", ")}`);
  return row;
}

/** Pairs names with their numbers, which are listed for those functions alone that take them. */
export function recurrentActivations(
  names: readonly string[],
  alphas: readonly number[],
  betas: readonly number[],
): RecurrentActivation[] {
  let alphaPlace = 0;
  let betaPlace = 0;
  return names.map((name) => {
    const row = rowOf(name);
    const alpha = row.alpha === undefined ? 0 : alphas[alphaPlace++] ?? row.alpha;
    const beta = row.beta === undefined ? 0 : betas[betaPlace++] ?? row.beta;
    return { name, alpha: Math.fround(alpha), beta: Math.fround(beta) };
  });
}

/** The activation in double precision. */
export function activate({ name, alpha, beta }: RecurrentActivation, x: number): number {
  return rowOf(name).value(x, alpha, beta);
}

/** WGSL of `fn activation_<place>(x, direction)`; one activation per direction. */
export function activationFunction(place: number, activations: readonly RecurrentActivation[]): string {
  const branch = ({ name, alpha, beta }: RecurrentActivation) =>
    `{ let alpha = ${literal(alpha)}; let beta = ${literal(beta)}; return ${rowOf(name).wgsl}; }`;
  const [first, second] = activations;
  const other = second && JSON.stringify(second) !== JSON.stringify(first)
    ? `if (direction == 1u) ${branch(second)} `
    : "";
  return `fn activation_${place}(x: f32, direction: u32) -> f32 { ${other}${first ? branch(first) : "return x;"} }`;
}

function literal(value: number): string {
  return `f32(${value})`;
}
