/** Copies of tensors through the epilogue. */
import code from "../../shaders/copy.wgsl" with { type: "text" };
import vectorCode from "../../shaders/copy4.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";

const shader: Shader<"WORKGROUP_SIZE", "length"> = {
  name: "copy",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length"],
  epilogue: true,
};

const vectorShader: typeof shader = { ...shader, name: "copy4", code: vectorCode };

/** Copies `length` floats of `x0` to `y0`. */
export function copyDispatch(length: number): Dispatch {
  const isQuads = length % 4 === 0;
  const units = isQuads ? length / 4 : length;
  return dispatch(isQuads ? vectorShader : shader, {
    bindings: ["x0", "y0"],
    constants: { WORKGROUP_SIZE },
    uniforms: { length: units },
    storesQuads: isQuads,
    workgroups: linearGrid(units, WORKGROUP_SIZE),
  });
}
