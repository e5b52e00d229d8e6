/** Sums of the slices of a reduction that several invocations share. */
import code from "../../shaders/sum_slices.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { sumWithAddend } from "./tile_code.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "HAS_C",
  "length" | "slices" | "row_length" | "row_period" | "c_row" | "c_column" | "alpha" | "beta"
> = {
  name: "sum_slices",
  code,
  constants: ["WORKGROUP_SIZE", "HAS_C"],
  uniforms: ["length", "slices", "row_length", "row_period", "c_row", "c_column", "alpha", "beta"],
  epilogue: true,
};

/** An addend of a result seen as rows: `c[row % rowPeriod · row + column · column]`, times beta. */
export interface Addend {
  readonly slot: Slot;
  readonly row: number;
  readonly column: number;
  readonly rowPeriod: number;
}

/** Whether sums take an addend as it is, one element for each row or column: it can bring their unit (`Dispatch.addend`). */
export function bringsUnit(
  addend: Addend | undefined,
  { alpha, beta }: { readonly alpha: number; readonly beta: number },
): boolean {
  return addend !== undefined && alpha === 1 && beta === 1 && (addend.row === 0 || addend.column === 0);
}

/** What a kernel makes of sums that may have a unit: two operands of codes have one, and an addend that brings it. */
export function wholeSumOf(
  addend: Addend | undefined,
  sum: { readonly alpha: number; readonly beta: number; readonly wholeSum?: Dispatch["wholeSum"] },
): Dispatch["wholeSum"] {
  return sum.alpha === 1 && (!addend || bringsUnit(addend, sum)) ? sum.wholeSum : undefined;
}

/** What the slices add up to. */
export interface SliceSum {
  readonly source: Slot;
  /** Output 0 unless stated. */
  readonly destination?: Slot;
  /** Elements of the result. */
  readonly length: number;
  readonly slices: number;
  readonly rowLength: number;
  readonly addend?: Addend | undefined;
  readonly alpha: number;
  readonly beta: number;
  readonly wholeSum?: Dispatch["wholeSum"];
}

/** `store` of the kernel. */
function storeFunction(hasUnit: boolean, wholeSum: Dispatch["wholeSum"]): string {
  const value = sumWithAddend("vec4<f32>(sum)", " + addend", { wholeSum, unit: "unit" });
  return `fn store(sum: f32, addend: f32, index: u32, c_at: u32) {
${hasUnit ? "  let unit = unit_of(vec4<f32>(scale_at(c_at)));\n" : ""}  y[index] = finish(${
    hasUnit ? `(${value}).x, index, unit` : "sum + addend, index"
  });
}`;
}

/** `destination = alpha · Σ slices + beta · addend`. */
export function sumSlices(sum: SliceSum): Dispatch {
  const { source, destination = "y0", length, slices, rowLength, addend, alpha, beta } = sum;
  const wholeSum = wholeSumOf(addend, sum);
  const hasUnit = bringsUnit(addend, sum) || wholeSum !== undefined;
  return dispatch(shader, {
    bindings: [source, addend?.slot ?? source, destination],
    ...(addend && hasUnit ? { addend: 1 } : {}),
    ...(wholeSum ? { wholeSum } : {}),
    constants: { WORKGROUP_SIZE, HAS_C: addend !== undefined },
    uniforms: {
      length,
      slices,
      row_length: rowLength,
      row_period: addend?.rowPeriod ?? 1,
      c_row: addend?.row ?? 0,
      c_column: addend?.column ?? 0,
      alpha,
      beta,
    },
    functions: storeFunction(hasUnit, wholeSum),
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  });
}
