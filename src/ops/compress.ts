import { ModelError } from "../base/errors.ts";
import { PORTABLE_BINDING } from "../base/kernel_target.ts";
import { normalizeAxis } from "../base/shape.ts";
import { elementCount, type TensorType } from "../base/tensor.ts";
import { constantBool, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { pick } from "./coordinates.ts";
import { gatherRows } from "./gather.ts";
import { listNonZero } from "./non_zero.ts";
import { defineOp, type OpDef } from "./op.ts";

interface CompressAttributes {
  /** undefined where the input is taken as flat. */
  readonly axis: number | undefined;
}

const infer: OpDef<CompressAttributes>["infer"] = ([x, condition], attributes) => {
  const { shape, axis } = compressed(x!, attributes);
  const count = chosen(condition!, shape[axis]!).length;
  return [{ dtype: x!.dtype, shape: shape.map((extent, place) => place === axis ? count : extent) }];
};

/** ONNX Compress: the slices whose condition holds. Their number must be known when planning. */
export const compress = defineOp<CompressAttributes>({
  type: "Compress",
  since: 9,
  quant: { kind: "agnostic" },
  dataDependent: [1],
  attributes: (raw) => ({ axis: raw.has("axis") ? raw.int("axis", 0) : undefined }),
  infer,
  lower: ([x, condition], [y], attributes, { largestBinding = PORTABLE_BINDING }) => {
    const { shape, axis } = compressed(x!, attributes);
    const count = y!.shape[axis]!;
    return {
      dispatches: [
        ...listNonZero(condition!, count, "x1", "t0"),
        ...gatherRows({ shape, axis, count, indices: "t0" }, largestBinding),
      ],
      temporaries: [count],
    };
  },
  reference: (inputs, attributes) => {
    const [x, condition] = knownOperands(inputs);
    const { shape, axis } = compressed(x!, attributes);
    const places = chosen(condition!, shape[axis]!);
    const [output] = infer([x, condition], attributes) as [TensorType];
    return [
      pick({ ...inputs[0]!, shape }, output.shape, (at) => at.map((own, other) => other === axis ? places[own]! : own)),
    ];
  },
  cases: [
    { name: "rows", inputs: [f32(3, 4), constantBool([0, 1, 1])], attributes: { axis: 0 } },
    { name: "columns, short condition", inputs: [f32(3, 5), constantBool([1, 0, 1])], attributes: { axis: -1 } },
    { name: "flat", inputs: [f32(2, 3), constantBool([0, 1, 0, 0, 1])] },
    { name: "none", inputs: [f32(2, 3), constantBool([0, 0])], attributes: { axis: 0 } },
  ],
});

function compressed(x: TensorType, { axis }: CompressAttributes): { shape: readonly number[]; axis: number } {
  return axis === undefined
    ? { shape: [elementCount(x.shape)], axis: 0 }
    : { shape: x.shape, axis: normalizeAxis(axis, x.shape.length) };
}

/** Places where the condition holds. */
function chosen(condition: TensorType, extent: number): number[] {
  const places = constantOf(condition, "condition").flatMap((holds, place) => holds ? [place] : []);
  if (places.some((place) => place >= extent)) {
    throw new ModelError(`Cannot compress: the condition holds at ${places.at(-1)}, expected less than ${extent}`);
  }
  return places;
}
