/** Activation functions, one row each. */
import type { AttributeReader } from "../graph/attributes.ts";
import { errorFunction } from "./error_function.ts";
import type { OpDef, Tolerance } from "./op.ts";
import { type UnaryAttributes, unaryOp, type UnaryRow } from "./unary.ts";
import { isNumber } from "./words.ts";

const TRANSCENDENTAL: Tolerance = {
  relative: 2e-5,
  absolute: 2e-6,
  reason: "exp, log and tanh may differ from the exact value by several units in the last place",
};

const GELU_TANH = 1;

/** Reads one or two float attributes, each with its default. */
function floats(alpha: [string, number], beta?: [string, number]) {
  return (raw: AttributeReader): UnaryAttributes => ({
    alpha: Math.fround(raw.float(...alpha)),
    beta: beta ? Math.fround(raw.float(...beta)) : 0,
  });
}

const float32 = (...shape: number[]) => [{ dtype: "float32", shape } as const];

const rows: readonly UnaryRow[] = [
  {
    type: "Relu",
    wgsl: "max(x, T(0))",
    value: (x) => Math.max(x, 0),
    takes: isNumber,
    asActivation: () => ({ kind: "relu" }),
    cases: [
      { name: "int32", inputs: [{ dtype: "int32", shape: [70] }] },
      { name: "int8", inputs: [{ dtype: "int8", shape: [70] }] },
    ],
  },
  {
    type: "LeakyRelu",
    wgsl: "select(x, params.alpha * x, x < 0.0)",
    value: (x, { alpha }) => x < 0 ? alpha * x : x,
    attributes: floats(["alpha", 0.01]),
    asActivation: ({ alpha }) => ({ kind: "leaky_relu", alpha }),
    cases: [{ name: "alpha 0.5", inputs: float32(65), attributes: { alpha: 0.5 } }],
  },
  {
    type: "Elu",
    wgsl: "select(x, params.alpha * expm1(min(x, 0.0)), x < 0.0)",
    value: (x, { alpha }) => x < 0 ? alpha * Math.expm1(x) : x,
    attributes: floats(["alpha", 1]),
    asActivation: ({ alpha }) => ({ kind: "elu", alpha }),
    tolerance: TRANSCENDENTAL,
    cases: [{ name: "alpha 2", inputs: float32(65), attributes: { alpha: 2 } }],
  },
  {
    type: "Selu",
    wgsl: "params.beta * select(x, params.alpha * expm1(min(x, 0.0)), x < 0.0)",
    value: (x, { alpha, beta }) => beta * (x < 0 ? alpha * Math.expm1(x) : x),
    attributes: (raw, { opset }) =>
      opset < 6
        ? floats(["alpha", 1.6732], ["gamma", 1.0507])(raw)
        : floats(["alpha", 1.6732632423543772], ["gamma", 1.0507009873554805])(raw),
    tolerance: TRANSCENDENTAL,
    cases: [{ name: "alpha 2, gamma 3", inputs: float32(65), attributes: { alpha: 2, gamma: 3 } }],
  },
  {
    type: "Celu",
    since: 12,
    wgsl: "max(x, 0.0) + min(0.0, params.alpha * expm1(min(x, 0.0) / params.alpha))",
    value: (x, { alpha }) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha)),
    attributes: floats(["alpha", 1]),
    tolerance: TRANSCENDENTAL,
    cases: [{ name: "alpha 2", inputs: float32(65), attributes: { alpha: 2 } }],
  },
  {
    type: "Sigmoid",
    wgsl: "1.0 / (1.0 + exp(-x))",
    value: (x) => 1 / (1 + Math.exp(-x)),
    asActivation: () => ({ kind: "sigmoid" }),
    tolerance: TRANSCENDENTAL,
  },
  {
    type: "HardSigmoid",
    wgsl: "clamp(params.alpha * x + params.beta, 0.0, 1.0)",
    value: (x, { alpha, beta }) => Math.min(1, Math.max(0, alpha * x + beta)),
    attributes: floats(["alpha", 0.2], ["beta", 0.5]),
    asActivation: ({ alpha, beta }) => ({ kind: "hard_sigmoid", alpha, beta }),
    tolerance: { relative: 1e-6, absolute: 1e-7, reason: "multiply-add may round once or twice" },
    cases: [{ name: "alpha 0.5, beta 0.25", inputs: float32(65), attributes: { alpha: 0.5, beta: 0.25 } }],
  },
  {
    type: "HardSwish",
    since: 14,
    wgsl: "x * clamp(x / 6.0 + 0.5, 0.0, 1.0)",
    value: (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)),
    asActivation: () => ({ kind: "hard_swish" }),
    tolerance: { relative: 1e-6, absolute: 1e-6, reason: "the sum before the clamp cancels near -3" },
  },
  {
    type: "Tanh",
    wgsl: "hyperbolic_tangent(x)",
    value: Math.tanh,
    asActivation: () => ({ kind: "tanh" }),
    tolerance: TRANSCENDENTAL,
  },
  {
    type: "Gelu",
    since: 20,
    wgsl: "select(0.5 * x * (1.0 + erf(x * 0.7071067811865476))," +
      " 0.5 * x * (1.0 + hyperbolic_tangent(0.7978845608028654 * (x + 0.044715 * x * x * x))), params.alpha == 1.0)",
    value: (x, { alpha }) =>
      alpha === GELU_TANH
        ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
        : 0.5 * x * (1 + errorFunction(x / Math.SQRT2)),
    attributes: (raw) => ({
      alpha: raw.string("approximate", "none", ["none", "tanh"]) === "tanh" ? GELU_TANH : 0,
      beta: 0,
    }),
    tolerance: TRANSCENDENTAL,
    cases: [{ name: "tanh", inputs: float32(257), attributes: { approximate: "tanh" } }],
  },
  {
    type: "Swish",
    since: 24,
    wgsl: "x / (1.0 + exp(-params.alpha * x))",
    value: (x, { alpha }) => x / (1 + Math.exp(-alpha * x)),
    attributes: floats(["alpha", 1]),
    tolerance: TRANSCENDENTAL,
    cases: [{ name: "alpha 1.7", inputs: float32(65), attributes: { alpha: 1.7 } }],
  },
  {
    type: "Softplus",
    wgsl: "softplus(x)",
    value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    tolerance: TRANSCENDENTAL,
    cases: [{ name: "far from zero", inputs: float32(65), range: [-120, 120] }],
  },
  {
    type: "Softsign",
    wgsl: "x / (1.0 + abs(x))",
    value: (x) => x / (1 + Math.abs(x)),
    tolerance: { relative: 1e-6, reason: "the divisor is rounded before the division" },
  },
  {
    type: "ThresholdedRelu",
    since: 10,
    wgsl: "select(0.0, x, x > params.alpha)",
    value: (x, { alpha }) => x > alpha ? x : 0,
    attributes: floats(["alpha", 1]),
    cases: [{ name: "alpha -0.5", inputs: float32(65), attributes: { alpha: -0.5 } }],
  },
  {
    type: "Mish",
    since: 18,
    wgsl: "x * hyperbolic_tangent(softplus(x))",
    value: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
    tolerance: TRANSCENDENTAL,
  },
  {
    type: "Shrink",
    since: 9,
    wgsl: "select(select(T(0), x - T(params.beta), x > T(params.alpha)), x + T(params.beta), x < -T(params.alpha))",
    value: (x, { alpha, beta }) => x < -alpha ? x + beta : x > alpha ? x - beta : 0,
    attributes: floats(["lambd", 0.5], ["bias", 0]),
    cases: [{ name: "lambd 1.5, bias 1.5", inputs: float32(65), attributes: { lambd: 1.5, bias: 1.5 } }],
  },
];

/** The operators of the table. */
export const ACTIVATION_OPERATORS: readonly OpDef[] = rows.map(unaryOp);
