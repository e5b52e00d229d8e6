/** Pools on the GPU. */
import indicesCode from "../../shaders/max_pool_indices.wgsl" with { type: "text" };
import code from "../../shaders/pool.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import type { TensorType } from "../base/tensor.ts";
import { MAX_ITERATIONS, nestedIterations } from "./tiles.ts";
import { type AxisWindow, threeAxes } from "./sliding_window.ts";

type WindowUniforms = "length" | "kernel" | "stride" | "dilation" | "before" | "extent" | "out_extent";

const shader: Shader<"WORKGROUP_SIZE", WindowUniforms | "after" | "power"> = {
  name: "pool",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "kernel", "stride", "dilation", "before", "after", "extent", "out_extent", "power"],
  epilogue: true,
};

const indicesShader: Shader<"WORKGROUP_SIZE" | "COLUMN_MAJOR", WindowUniforms> = {
  name: "max_pool_indices",
  code: indicesCode,
  constants: ["WORKGROUP_SIZE", "COLUMN_MAJOR"],
  uniforms: ["length", "kernel", "stride", "dilation", "before", "extent", "out_extent"],
};

/** What a pool does with the elements of a window: `start`, `combine` and `result` over T and R. */
export interface PoolFunctions {
  readonly storage: "f32" | "i32";
  readonly code: string;
}

/** Pools `x0` into `y0`. */
export function poolDispatch(
  x: TensorType,
  windows: readonly AxisWindow[],
  power: number,
  functions: PoolFunctions,
): Dispatch {
  const uniforms = windowUniforms(x, windows);
  return dispatch(shader, {
    bindings: ["x0", "y0"],
    constants: { WORKGROUP_SIZE },
    uniforms: { ...uniforms, after: threeAxes(windows).map((axis) => axis.after), power },
    aliases: { T: functions.storage, R: functions.storage },
    functions: functions.code,
    workgroups: linearGrid(uniforms.length, WORKGROUP_SIZE),
  });
}

/** Places of the largest elements of `x0` into `y1`. */
export function indicesDispatch(
  x: TensorType,
  windows: readonly AxisWindow[],
  storage: "f32" | "i32",
  isColumnMajor: boolean,
): Dispatch {
  const uniforms = windowUniforms(x, windows);
  return dispatch(indicesShader, {
    bindings: ["x0", "y1"],
    constants: { WORKGROUP_SIZE, COLUMN_MAJOR: isColumnMajor },
    uniforms,
    aliases: { T: storage },
    workgroups: linearGrid(uniforms.length, WORKGROUP_SIZE),
  });
}

function windowUniforms(x: TensorType, windows: readonly AxisWindow[]) {
  const axes = threeAxes(windows);
  const iterations = nestedIterations(axes.map((axis) => axis.kernel));
  if (iterations > MAX_ITERATIONS) {
    const sizes = windows.map((window) => window.kernel).join("x");
    throw new UnsupportedError(
      `Cannot pool windows of ${sizes} elements: that takes ${iterations} iterations, expected at most ${MAX_ITERATIONS}`,
    );
  }
  return {
    length: windows.reduce((count, window) => count * window.output, x.shape[0]! * x.shape[1]!),
    kernel: axes.map((axis) => axis.kernel),
    stride: axes.map((axis) => axis.stride),
    dilation: axes.map((axis) => axis.dilation),
    before: axes.map((axis) => axis.before),
    extent: axes.map((axis) => axis.input),
    out_extent: axes.map((axis) => axis.output),
  };
}
