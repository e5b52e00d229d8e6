import code from "../../shaders/affine_grid.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { allocate, elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { eachCoordinate } from "./coordinates.ts";
import { defineOp, type OpDef } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE" | "DIMS" | "ALIGN_CORNERS", "length" | "points" | "sizes"> = {
  name: "affine_grid",
  code,
  constants: ["WORKGROUP_SIZE", "DIMS", "ALIGN_CORNERS"],
  uniforms: ["length", "points", "sizes"],
  epilogue: true,
};

interface AffineGridAttributes {
  readonly alignCorners: boolean;
}

const infer: OpDef<AffineGridAttributes>["infer"] = ([theta, size]) => {
  const [batch, , ...spatial] = constantOf(size!, "size");
  const dims = spatial.length;
  const { shape } = theta!;
  const fits = (dims === 2 || dims === 3) && shape.length === 3 && shape[0] === batch && shape[1] === dims &&
    shape[2] === dims + 1;
  if (!fits) {
    throw new ModelError(
      `Cannot make a grid: theta is ${formatShape(shape)}, expected [${batch}, ${dims}, ${dims + 1}] with 2 or 3 axes`,
    );
  }
  return [{ dtype: theta!.dtype, shape: [batch!, ...spatial, dims] }];
};

/** ONNX AffineGrid: the points that GridSample takes to apply an affine map to an image or volume. */
export const affineGrid = defineOp<AffineGridAttributes>({
  type: "AffineGrid",
  since: 20,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ alignCorners: raw.int("align_corners", 0) !== 0 }),
  infer,
  lower: (_inputs, [y], { alignCorners }) => {
    const length = elementCount(y!.shape);
    const sizes = y!.shape.slice(1, -1);
    if (length === 0) return { dispatches: [] };
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "y0"],
        constants: { WORKGROUP_SIZE, DIMS: sizes.length, ALIGN_CORNERS: alignCorners },
        uniforms: { length, points: elementCount(sizes), sizes },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: (inputs, attributes) => {
    const theta = inputs[0]!;
    const [{ dtype, shape }] = infer(knownOperands(inputs), attributes) as [TensorType];
    const data = allocate(dtype, elementCount(shape));
    const dims = shape.length - 2;
    eachCoordinate(shape, (at, index) => {
      const row = (at[0]! * dims + at.at(-1)!) * (dims + 1);
      const point = at.slice(1, -1).map((place, axis) => position(place, shape[axis + 1]!, attributes)).reverse();
      data[index] = [...point, 1].reduce((sum, value, column) => sum + value * theta.data[row + column]!, 0);
    });
    return [{ dtype, shape, data }];
  },
  cases: [0, 1].flatMap((align_corners) => {
    const rest = {
      attributes: { align_corners },
      tolerance: { absolute: 1e-5, reason: "sums in single precision" },
    } as const;
    return [
      { name: `image, align_corners ${align_corners}`, inputs: [f32(2, 2, 3), constantI64([2, 3, 5, 6])], ...rest },
      { name: `volume, align_corners ${align_corners}`, inputs: [f32(1, 3, 4), constantI64([1, 1, 2, 1, 4])], ...rest },
    ];
  }),
});

/** Where element `at` of `size` lies between -1 and 1: at the ends of the range, or in the middle of its share. */
function position(at: number, size: number, { alignCorners }: AffineGridAttributes): number {
  if (!alignCorners) return -1 + (at + 0.5) * 2 / size;
  return size === 1 ? -1 : -1 + at * 2 / (size - 1);
}
