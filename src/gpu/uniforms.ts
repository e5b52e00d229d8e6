/** Lays uniform values out as a kernel's `struct Params` declares them. */
import type { UniformValue } from "../base/dispatch.ts";

type Scalar = "u32" | "i32" | "f32";

interface Field {
  readonly name: string;
  readonly scalar: Scalar;
  /** Scalars in the field. */
  readonly count: number;
  /** Byte offset. */
  readonly offset: number;
}

/** Layout of a `struct Params`. */
export interface UniformLayout {
  readonly fields: readonly Field[];
  /** Bytes of the whole struct, a multiple of 16. */
  readonly byteLength: number;
}

/** Reads the layout off a kernel's text: scalars, vec4 and arrays of vec4 (WGSL §14.4.1, address space uniform). */
export function uniformLayout(code: string): UniformLayout {
  const body = /struct Params \{([^}]*)\}/.exec(code)?.[1] ?? "";
  const fields: Field[] = [];
  let offset = 0;
  for (const [, name, type] of body.replace(/\/\/.*$/gm, "").matchAll(/(\w+)\s*:\s*([^,<\n]+(?:<[^\n]*>)?)\s*,?/g)) {
    const { scalar, count } = fieldType(name!, type!.trim().replace(/,$/, ""));
    const alignment = count === 1 ? 4 : 16;
    offset = Math.ceil(offset / alignment) * alignment;
    fields.push({ name: name!, scalar, count, offset });
    offset += 4 * count;
  }
  return { fields, byteLength: Math.max(16, Math.ceil(offset / 16) * 16) };
}

function fieldType(name: string, type: string): { scalar: Scalar; count: number } {
  const match = /^(?:(u32|i32|f32)|vec4<(u32|i32|f32)>|array<\s*vec4<(u32|i32|f32)>\s*,\s*(\d+)u?\s*>)$/.exec(type);
  if (!match) {
    throw new TypeError(`Cannot lay out uniform "${name}": type ${type}, expected a scalar, vec4 or array of vec4`);
  }
  const scalar = (match[1] ?? match[2] ?? match[3]) as Scalar;
  return { scalar, count: match[1] ? 1 : 4 * Number(match[4] ?? 1) };
}

/** Packs values into bytes; vectors shorter than their field are filled with zeros. */
export function packUniforms(
  layout: UniformLayout,
  values: Readonly<Record<string, UniformValue>>,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(layout.byteLength);
  const view = new DataView(bytes.buffer);
  for (const field of layout.fields) {
    const value = values[field.name];
    if (value === undefined) throw new TypeError(`Cannot pack uniforms: "${field.name}" is missing`);
    const components = typeof value === "number" ? [value] : value;
    if (components.length > field.count) {
      throw new RangeError(
        `Cannot pack uniform "${field.name}": ${components.length} components, expected ${field.count}`,
      );
    }
    components.forEach((component, place) => {
      const at = field.offset + 4 * place;
      if (field.scalar === "f32") view.setFloat32(at, component, true);
      else if (field.scalar === "i32") view.setInt32(at, component, true);
      else view.setUint32(at, component, true);
    });
  }
  return bytes;
}
