import code from "../../shaders/reverse_sequence.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { sameShape } from "../base/shape.ts";
import { elementCount, formatShape } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { pick } from "./coordinates.ts";
import { defineOp } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE" | "TIME_FIRST", "length" | "second" | "inner"> = {
  name: "reverse_sequence",
  code,
  constants: ["WORKGROUP_SIZE", "TIME_FIRST"],
  uniforms: ["length", "second", "inner"],
};

/** ONNX ReverseSequence: the first steps of every sequence of a batch in reverse, as many as its length says. */
export const reverseSequence = defineOp<{ timeAxis: 0 | 1 }>({
  type: "ReverseSequence",
  since: 10,
  quant: { kind: "agnostic" },
  attributes: (raw) => {
    const [timeAxis, batchAxis] = [raw.int("time_axis", 0), raw.int("batch_axis", 1)];
    if (!(timeAxis === 0 && batchAxis === 1) && !(timeAxis === 1 && batchAxis === 0)) {
      throw new ModelError(
        `Cannot use attributes: time_axis is ${timeAxis} and batch_axis ${batchAxis}, expected 0 and 1`,
      );
    }
    return { timeAxis };
  },
  infer: ([x, lengths], { timeAxis }) => {
    if (x!.shape.length < 2 || !sameShape(lengths!.shape, [x!.shape[1 - timeAxis]!])) {
      throw new ModelError(
        `Cannot reverse: input is ${formatShape(x!.shape)} and sequence_lens ${
          formatShape(lengths!.shape)
        }, expected ` +
          "one length per sequence",
      );
    }
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x], _outputs, { timeAxis }) => {
    const inner = elementCount(x!.shape.slice(2));
    const vector = inner % 4 === 0;
    const length = elementCount(x!.shape) / (vector ? 4 : 1);
    if (length === 0) return { dispatches: [] };
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "y0"],
        constants: { WORKGROUP_SIZE, TIME_FIRST: timeAxis === 0 },
        uniforms: { length, second: x!.shape[1]!, inner: vector ? inner / 4 : inner },
        aliases: { W: vector ? "vec4<u32>" : "u32" },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: ([x, lengths], { timeAxis }) => [
    pick(x!, x!.shape, (at) => {
      const steps = lengths!.data[at[1 - timeAxis]!]!;
      return at.map((place, axis) => axis === timeAxis && place < steps ? steps - 1 - place : place);
    }),
  ],
  cases: [
    { name: "time first", inputs: [f32(4, 3, 5), constantI64([4, 1, 2])] },
    {
      name: "batch first, vectors",
      inputs: [f32(3, 5, 8), constantI64([5, 0, 3])],
      attributes: { time_axis: 1, batch_axis: 0 },
    },
    { name: "rank 2", inputs: [f32(5, 2), constantI64([2, 5])] },
  ],
});
