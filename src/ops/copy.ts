/** The kernel that copies a tensor through the epilogue. */
import code from "../../shaders/copy.wgsl" with { type: "text" };
import type { Shader } from "../base/dispatch.ts";

export const copyShader: Shader<"WORKGROUP_SIZE", "length"> = {
  name: "copy",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length"],
  epilogue: true,
};
