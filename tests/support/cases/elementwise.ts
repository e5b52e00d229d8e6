/** Cases of operators that work element by element. */
import fc from "fast-check";
import { axesOf, broadcastShapes, type DrawnCase, f32, type Families, flag, known, shapeOf, typed } from "./drawing.ts";

/** Element types in memory of one word, by number in ONNX. */
const CAST_TO = { float32: 1, uint8: 2, int8: 3, int16: 5, int32: 6, int64: 7, bool: 9, float16: 10, uint32: 12 };
/** Without float16, whose values are held unrounded. */
const CAST_FROM = [
  "float32",
  "int8",
  "uint8",
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "bool",
] as const;

const BINARY = [
  ...["Add", "Sub", "Mul", "Div", "Pow", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or"],
  ...["Xor", "Max", "Min", "Sum", "Mean", "BitwiseAnd", "BitwiseOr", "BitwiseXor"],
];

/** Wide enough for every type, and what every target type can hold after truncation. */
const CAST_RANGE = [0, 120] as const;

export const ELEMENTWISE: Families = {
  unary: {
    operators: [
      ...[
        "Relu",
        "LeakyRelu",
        "Elu",
        "Selu",
        "Celu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Tanh",
        "Gelu",
        "Softplus",
      ],
      ...["Softsign", "ThresholdedRelu", "Mish", "Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "Sqrt", "Reciprocal"],
      ...["Exp", "Log", "Erf", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"],
      ...["Not", "IsNaN", "Identity", "Clip", "BitwiseNot", "Dropout", "Size"],
    ],
    draw: (dtype) => shapeOf(0, 4).map((shape) => ({ inputs: [{ dtype, shape }] })),
  },
  slopes: {
    operators: ["LeakyRelu", "Elu", "Celu", "ThresholdedRelu", "Swish"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 4), alpha: fc.constantFrom(0.25, 0.5, 1.5) })
        .map(({ shape, alpha }) => ({ inputs: [f32(...shape)], attributes: { alpha } })),
  },
  shrink: {
    operators: ["Shrink"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 4), lambd: fc.constantFrom(0.5, 1.5), bias: fc.constantFrom(-0.5, 0.5, 1.5) })
        .map(({ shape, ...attributes }) => ({ inputs: [f32(...shape)], attributes })),
  },
  bounds: {
    operators: ["Clip"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 4), given: fc.tuple(flag, flag), isKnown: fc.boolean() })
        .map(({ shape, given, isKnown }) => {
          const bound = (value: number) => isKnown ? known("float32", [value], []) : f32();
          return { inputs: [f32(...shape), given[0] ? bound(-1.5) : undefined, given[1] ? bound(2.5) : undefined] };
        }),
  },
  oldBounds: {
    operators: ["Clip"],
    draw: () =>
      shapeOf(0, 4).map((shape) => ({ inputs: [f32(...shape)], attributes: { min: -1.5, max: 2.5 }, opset: 10 })),
  },
  infinities: {
    operators: ["IsInf"],
    draw: () =>
      fc.record({
        values: fc.array(fc.constantFrom(0, 1, Infinity, -Infinity, NaN), { maxLength: 70 }),
        detect_negative: flag,
        detect_positive: flag,
      }).map(({ values, ...attributes }) => ({ inputs: [known("float32", values)], attributes })),
  },
  dropoutMask: {
    operators: ["Dropout"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 4), ratio: fc.constantFrom(0, 0.25) }).map(({ shape, ratio }) => ({
        inputs: [f32(...shape), known("float32", [ratio], [])],
        outputs: 2,
      })),
  },
  binary: {
    operators: BINARY,
    draw: (dtype) => broadcastShapes(2).map((shapes) => ({ inputs: shapes.map((shape) => ({ dtype, shape })) })),
  },
  integerBinary: {
    operators: ["Add", "Sub", "Mul", "Equal", "Greater", "Less", "Max", "Min", "BitwiseAnd", "BitwiseOr", "BitwiseXor"],
    draw: () =>
      fc.record({ shapes: broadcastShapes(2), dtype: fc.constantFrom("int32" as const, "int64" as const) })
        .map(({ shapes, dtype }) => ({ inputs: shapes.map((shape) => ({ dtype, shape })), range: [-900, 900] })),
  },
  remainder: {
    operators: ["Mod"],
    draw: () =>
      fc.record({ shapes: broadcastShapes(2), isFloat: fc.boolean(), fmod: flag }).map((one): DrawnCase => {
        const [a, b] = one.shapes as [number[], number[]];
        return one.isFloat
          // Operands apart, so that rounding of the quotient does not decide.
          ? { inputs: [f32(...a), known("float32", [4.5], [])], attributes: { fmod: 1 }, range: [0.25, 4.25] }
          : { inputs: [typed("uint8", ...a), typed("uint8", ...b)], attributes: { fmod: one.fmod }, range: [1, 250] };
      }),
  },
  shifts: {
    operators: ["BitShift"],
    draw: () =>
      fc.record({
        shapes: broadcastShapes(2),
        dtype: fc.constantFrom("uint8" as const, "uint16" as const, "uint32" as const),
        direction: fc.constantFrom("LEFT", "RIGHT"),
      }).map(({ shapes, dtype, direction }) => ({
        inputs: shapes.map((shape) => ({ dtype, shape })),
        attributes: { direction },
        range: [0, 7.5],
      })),
  },
  signedShifts: {
    operators: ["BitShift"],
    draw: () =>
      fc.record({
        shapes: broadcastShapes(2),
        dtype: fc.constantFrom("int8" as const, "int16" as const, "int32" as const),
        direction: fc.constantFrom("LEFT", "RIGHT"),
      }).map(({ shapes, dtype, direction }) => ({
        inputs: shapes.map((shape) => ({ dtype, shape })),
        attributes: { direction },
        range: [-40, 40],
        opset: 28,
      })),
  },
  where: {
    operators: ["Where"],
    draw: () =>
      broadcastShapes(3).map(([condition, a, b]) => ({
        inputs: [typed("bool", ...condition!), f32(...a!), f32(...b!)],
      })),
  },
  slopeTensor: {
    operators: ["PRelu"],
    // The slope broadcasts to the input, not the input to the slope.
    draw: () =>
      shapeOf(0, 4).chain((shape) =>
        fc.record({ skipped: fc.integer({ min: 0, max: shape.length }), shared: axesOf(shape.length) }).map((one) => ({
          inputs: [
            f32(...shape),
            f32(...shape.map((own, axis) => one.shared.includes(axis) ? 1 : own).slice(one.skipped)),
          ],
        }))
      ),
  },
  cast: {
    operators: ["Cast"],
    draw: () =>
      fc.record({
        shape: shapeOf(0, 4),
        from: fc.constantFrom(...CAST_FROM),
        to: fc.constantFrom(...Object.values(CAST_TO)),
      })
        .map(({ shape, from, to }) => ({ inputs: [typed(from, ...shape)], attributes: { to }, range: CAST_RANGE })),
  },
  castLike: {
    operators: ["CastLike"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 4), from: fc.constantFrom(...CAST_FROM), to: fc.constantFrom(...CAST_FROM) })
        .map(({ shape, from, to }) => ({ inputs: [typed(from, ...shape), typed(to, 1)], range: CAST_RANGE })),
  },
};
