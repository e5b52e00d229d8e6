/** The unrolled part of shaders/sliding_block.wgsl for one tile. */
import { rowSegment, type RunLength, runType, type UnrolledTaps } from "./row_segment.ts";
import { accumulators, component, storeQuad, unroll } from "./tile_code.ts";

/** What the windows compute. */
export type BlockKind = "convolution" | "max" | "average" | "average_with_padding";

/** What the generated functions depend on. */
export interface BlockCode {
  readonly kind: BlockKind;
  /** Results per invocation. */
  readonly lines: number;
  readonly columns: number;
  /** Distance of the lines of y from each other. */
  readonly lineStep: number;
  /** Windows down the lines, and along them. */
  readonly down: Omit<UnrolledTaps, "before">;
  readonly along: UnrolledTaps;
  readonly hasBias: boolean;
  /** Width of x where a tile has all results of a line; its height where it has all lines, with the padding before them. */
  readonly wholeWidth: number | undefined;
  readonly wholeHeight: { readonly before: number; readonly extent: number } | undefined;
  /** Runs that the rows of y, and of x, are whole numbers of. */
  readonly stores: RunLength;
  readonly reads: RunLength;
}

/** The types `Q`, `W` and `Y` and the functions `clear`, `block` and `store` that the kernel calls. */
export function blockFunctions(code: BlockCode): string {
  const { kind, lines, columns, down, along } = code;
  const quads = columns / 4;
  const segment = rowSegment(columns, along, code.reads, { outside: "params.outside", whole: code.wholeWidth });
  const weights = kind === "convolution" ? Math.ceil(down.kernel * along.kernel / 4) : 0;
  return `alias Y = ${runType(code.stores)};
alias W = ${weights > 0 ? "vec4<f32>" : "f32"};
${accumulators(lines, quads, kind === "max" ? "vec4<f32>(params.outside)" : "vec4<f32>()")}
${segment.functions}
fn block(plane_at: u32, first_y: i32, first_x: i32, w_at: u32) {
${unroll(weights, (quad) => `  let w${quad} = w[w_at + ${quad}u];`)}
${inputLines(code).map((line) => inputLine(code, line, segment.loads)).join("\n")}
}
${storeQuad(code.stores, code.hasBias)}
${kind.startsWith("average") ? COUNT : ""}
fn store(line: u32, column: u32, y_at: u32, channel: u32, first: vec3<i32>) {
${code.hasBias ? "  let bias = c[channel];\n  let unit = unit_of(vec4<f32>(scale_at(channel)));" : ""}
${kind.startsWith("average") ? counts(code) : ""}
${storeLines(code, quads)}
}
`;
}

/** Lines of x, counted from the first, that some window touches, without those known to be outside. */
function inputLines({ lines, lineStep, down, wholeHeight }: BlockCode): number[] {
  const used = new Set<number>();
  for (let line = 0; line < lines; line++) {
    for (let ky = 0; ky < down.kernel; ky++) used.add(line * lineStep * down.stride + ky * down.dilation);
  }
  const isInside = (line: number) =>
    !wholeHeight || (line >= wholeHeight.before && line < wholeHeight.before + wholeHeight.extent);
  return [...used].filter(isInside).sort((a, b) => a - b);
}

function inputLine(code: BlockCode, input: number, loads: string): string {
  const { kind, lines, lineStep, columns, down, along } = code;
  const value = (kx: number, quad: number) =>
    `vec4<f32>(${[0, 1, 2, 3].map((part) => `s${(4 * quad + part) * along.stride + kx * along.dilation}`).join(", ")})`;
  const updates: string[] = [];
  for (let kx = 0; kx < along.kernel; kx++) {
    updates.push(unroll(columns / 4, (quad) => `    let i${kx}_${quad} = ${value(kx, quad)};`));
  }
  for (let line = 0; line < lines; line++) {
    const ky = (input - line * lineStep * down.stride) / down.dilation;
    if (!Number.isInteger(ky) || ky < 0 || ky >= down.kernel) continue;
    for (let quad = 0; quad < columns / 4; quad++) {
      let sum = `acc_${line}_${quad}`;
      for (let kx = 0; kx < along.kernel; kx++) {
        const tap = ky * along.kernel + kx;
        if (kind === "convolution") sum = `fma(vec4<f32>(w${tap >> 2}.${component(tap)}), i${kx}_${quad}, ${sum})`;
        else if (kind === "max") sum = `max(${sum}, i${kx}_${quad})`;
        else sum = `${sum} + i${kx}_${quad}`;
      }
      updates.push(`    acc_${line}_${quad} = ${sum};`);
    }
  }
  return `  {
    let in_y = first_y + ${input};
    let is_line = in_y >= 0 && u32(in_y) < params.extent.y;
    let line_at = select(0u, plane_at + u32(in_y) * params.extent.z, is_line);
    let width = select(0u, params.extent.z, is_line);
${loads}
${updates.join("\n")}
  }`;
}

/** Taps of a window without dilation between `low` and `high`. */
const COUNT = `fn taps_between(start: i32, kernel: u32, low: i32, high: i32) -> f32 {
  return f32(min(start + i32(kernel), high) - max(start, low));
}`;

function counts({ kind, columns, along }: BlockCode): string {
  const axis = (name: string, start: string) =>
    kind === "average"
      ? `taps_between(${start}, params.kernel.${name}, 0, i32(params.extent.${name}))`
      : `taps_between(${start}, params.kernel.${name}, -params.before.${name}, i32(params.extent.${name}) + params.after.${name})`;
  const along4 = (quad: number) =>
    `vec4<f32>(${[0, 1, 2, 3].map((part) => axis("z", `first.z + ${(4 * quad + part) * along.stride}`)).join(", ")})`;
  return `  let count_z = ${axis("x", "first.x")};
${unroll(columns / 4, (quad) => `  let count_x${quad} = ${along4(quad)};`)}`;
}

/** A loop that stores the first line and moves all others up, for the sake of compile times (tile_code.ts). */
function storeLines(code: BlockCode, quads: number): string {
  const { kind, lines, lineStep, down, hasBias } = code;
  const value = (quad: number) => {
    if (kind.startsWith("average")) return `acc_0_${quad} / max(vec4<f32>(1.0), count * count_x${quad})`;
    return `acc_0_${quad}${hasBias ? " + bias" : ""}`;
  };
  const start = `first.y + i32(own - line) * ${down.stride}`;
  const count = kind === "average"
    ? `taps_between(${start}, params.kernel.y, 0, i32(params.extent.y))`
    : `taps_between(${start}, params.kernel.y, -params.before.y, i32(params.extent.y) + params.after.y)`;
  return `  let end = min(line + ${lines * lineStep}u, params.lines);
  for (var own = line; own < end; own += ${lineStep}u) {
${kind.startsWith("average") ? `    let count = count_z * ${count};` : ""}
    let at = y_at + own * params.columns + column;
${
    unroll(quads, (quad) =>
      `    store_quad(${value(quad)}, at + ${4 * quad}u, column + ${4 * quad}u${hasBias ? ", unit" : ""});`)
  }
${unroll(lines - 1, (line) => unroll(quads, (quad) => `    acc_${line}_${quad} = acc_${line + 1}_${quad};`))}
  }`;
}
