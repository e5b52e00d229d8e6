/**
 * Unrolled WGSL for register tiles. The naga compiler guards every loop with a counter, which keeps drivers from
 * unrolling it and accumulators from living in registers: on lavapipe the same product with loops over constant bounds
 * was 4 to 17 times slower.
 */

/** `count` lines made by `line`, joined. */
export function unroll(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

/** Component `index` of a vec4 by its letter. */
export function component(index: number): string {
  return "xyzw"[index % 4]!;
}

/** Private accumulators `acc_<row>_<quad>` and the function that zeroes them. */
export function accumulators(rows: number, quads: number): string {
  return `${unroll(rows, (row) => unroll(quads, (quad) => `var<private> acc_${row}_${quad}: vec4<f32>;`))}
fn clear() {
${unroll(rows, (row) => unroll(quads, (quad) => `  acc_${row}_${quad} = vec4<f32>();`))}
}
`;
}
