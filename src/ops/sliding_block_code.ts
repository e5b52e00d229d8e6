/** The unrolled part of shaders/sliding_block.wgsl for one tile. */
import { type RowReads, rowSegment, type UnrolledTaps } from "./row_segment.ts";
import { type RunLength, runType } from "./runs.ts";
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
  /** Whether the lines of x are gone down in a loop: windows are one step deep, and lines lie as far apart as their taps, or adjacent. */
  readonly rolls: boolean;
  /** Width of x where a tile has all results of a line; its height where it has all lines, with the padding before them. */
  readonly wholeWidth: number | undefined;
  readonly wholeHeight: { readonly before: number; readonly extent: number } | undefined;
  /** Runs that the rows of y are whole numbers of, and how those of x are loaded. */
  readonly stores: RunLength;
  readonly reads: RowReads;
}

/** The types `Q`, `W` and `Y` and the function `compute` that the kernel calls. */
export function blockFunctions(code: BlockCode): string {
  const { kind, columns, along } = code;
  const segment = rowSegment(columns, along, code.reads, { outside: "params.outside", whole: code.wholeWidth });
  return `alias Y = ${runType(code.stores)};
alias W = ${kind === "convolution" ? "vec4<f32>" : "f32"};
${
    accumulators(
      code.rolls ? linesUnderWay(code) : code.lines,
      columns / 4,
      kind === "max" ? "vec4<f32>(params.outside)" : "vec4<f32>()",
    )
  }
${segment.functions}
${storeQuad(code.stores, code.hasBias)}
${kind.startsWith("average") ? COUNT : ""}
fn compute(volume_at: u32, line: u32, column: u32, y_at: u32, channel: u32, first: vec3<i32>) {
${beforeStores(code)}
  let plane_length = params.extent.y * params.extent.z;
  let first_x = first.z;
  clear();
${code.rolls ? rollingLines(code, segment.loads) : blockOfLines(code, segment.loads)}
}
`;
}

/** All lines of a tile at once, one step along depth after the other. */
function blockOfLines(code: BlockCode, loads: string): string {
  return `  for (var kz = 0u; kz < params.kernel.x; kz++) {
    let in_z = u32(first.x + i32(kz * params.dilation.x));
    if (in_z >= params.extent.x) { continue; }
    let plane_at = volume_at + in_z * plane_length;
    let w_at = (channel * params.kernel.x + kz) * params.w_quads;
${weightLoads(code)}
${
    inputLines(code).map((line) =>
      inputLine(code, {
        place: `first.y + ${line}`,
        loads,
        taps: (own) => line - own * code.lineStep * code.down.stride,
      })
    ).join("\n")
  }
  }
${storeLines(code)}`;
}

/** Lines of y whose windows reach over one line of x, and those that begin with it. */
function linesUnderWay({ down }: BlockCode): number {
  return Math.ceil(down.kernel / down.stride);
}

/**
 * A loop down the lines of x, which ends a line of y in every turn; `acc_0` is the line that begins. The code is a fraction of what all lines
 * of a tile at once take, which a core has to fetch anew for every subgroup.
 */
function rollingLines(code: BlockCode, loads: string): string {
  const { lineStep, columns, down } = code;
  const under = linesUnderWay(code);
  const phase = (own: number) =>
    inputLine(code, { place: `in_y + ${own}`, loads, taps: (age) => (age * down.stride + own) * down.dilation });
  const quads = columns / 4;
  const shift = Array.from({ length: under - 1 }, (_, place) => under - 1 - place).map((place) =>
    unroll(quads, (quad) => `    acc_${place}_${quad} = acc_${place - 1}_${quad};`)
  );
  const initial = code.kind === "max" ? "vec4<f32>(params.outside)" : "vec4<f32>()";
  return `  let plane_at = volume_at + u32(first.x) * plane_length;
  let w_at = channel * params.w_quads;
${weightLoads(code)}
  var in_y = first.y;
  var own = line;
  for (var turn = 0u; turn < params.tile_lines + ${under - 1}u; turn++) {
${Array.from({ length: Math.min(down.stride, down.kernel) }, (_, own) => phase(own)).join("\n")}
    if (turn >= ${under - 1}u) {
      if (own < params.lines) {
${storeLine(code, under - 1, `in_y - ${(under - 1) * down.stride * lineStep}`)}
      }
      own += ${lineStep}u;
    }
${shift.join("\n")}
${unroll(quads, (quad) => `    acc_0_${quad} = ${initial};`)}
    in_y += ${down.stride * lineStep};
  }`;
}

function weightLoads({ kind, down, along }: BlockCode): string {
  const quads = kind === "convolution" ? Math.ceil(down.kernel * along.kernel / 4) : 0;
  return unroll(quads, (quad) => `  let w${quad} = w[w_at + ${quad}u];`);
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

/** A line of x: its place, the loads of its elements, and how far below the start of the windows of an accumulator it lies. */
interface InputLine {
  readonly place: string;
  readonly loads: string;
  readonly taps: (accumulator: number) => number;
}

function inputLine(code: BlockCode, { place, loads, taps }: InputLine): string {
  const { kind, lines, columns, down, along } = code;
  const value = (kx: number, quad: number) =>
    `vec4<f32>(${[0, 1, 2, 3].map((part) => `s${(4 * quad + part) * along.stride + kx * along.dilation}`).join(", ")})`;
  const updates: string[] = [];
  for (let kx = 0; kx < along.kernel; kx++) {
    updates.push(unroll(columns / 4, (quad) => `    let i${kx}_${quad} = ${value(kx, quad)};`));
  }
  const count = code.rolls ? linesUnderWay(code) : lines;
  for (let line = 0; line < count; line++) {
    const ky = taps(line) / down.dilation;
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
    let line_y = ${place};
    let is_line = line_y >= 0 && u32(line_y) < params.extent.y;
    let line_at = select(0u, plane_at + u32(line_y) * params.extent.z, is_line);
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

/** What the stores of all lines share. */
function beforeStores(code: BlockCode): string {
  return `${code.hasBias ? "  let bias = c[channel];\n  let unit = unit_of(vec4<f32>(scale_at(channel)));" : ""}
${code.kind.startsWith("average") ? counts(code) : ""}`;
}

/** A loop that stores the first line and moves all others up, for the sake of compile times (tile_code.ts). */
function storeLines(code: BlockCode): string {
  const { lines, lineStep, columns, down } = code;
  return `  let end = min(line + ${lines * lineStep}u, params.lines);
  for (var own = line; own < end; own += ${lineStep}u) {
${storeLine(code, 0, `first.y + i32(own - line) * ${down.stride}`)}
${unroll(lines - 1, (line) => unroll(columns / 4, (quad) => `    acc_${line}_${quad} = acc_${line + 1}_${quad};`))}
  }`;
}

/** Stores the line `own` of y out of an accumulator; its windows start at the line `start` of x. */
function storeLine({ kind, columns, hasBias }: BlockCode, accumulator: number, start: string): string {
  const value = (quad: number) => {
    const sum = `acc_${accumulator}_${quad}`;
    if (kind.startsWith("average")) return `${sum} / max(vec4<f32>(1.0), count * count_x${quad})`;
    return `${sum}${hasBias ? " + bias" : ""}`;
  };
  const count = kind === "average"
    ? `taps_between(${start}, params.kernel.y, 0, i32(params.extent.y))`
    : `taps_between(${start}, params.kernel.y, -params.before.y, i32(params.extent.y) + params.after.y)`;
  return `${kind.startsWith("average") ? `    let count = count_z * ${count};` : ""}
    let at = y_at + own * params.columns + column;
${
    unroll(columns / 4, (quad) =>
      `    store_quad(${value(quad)}, at + ${4 * quad}u, column + ${4 * quad}u${hasBias ? ", unit" : ""});`)
  }`;
}
