/** Einstein summation equations: which axis of which operand carries which label. */
import { ModelError } from "../base/errors.ts";
import { formatShape } from "../base/tensor.ts";

/** An equation with the labels of every axis; those that an ellipsis stands for are called "0", "1", … from the last one. */
export interface Equation {
  /** One list of labels per operand. */
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
  readonly extents: ReadonlyMap<string, number>;
}

/** Reads an equation for operands of these shapes; without "->" the result has every label that occurs once, in order. */
export function parseEquation(text: string, shapes: readonly (readonly number[])[]): Equation {
  const compact = text.replaceAll(" ", "");
  const [left = "", right, ...more] = compact.split("->");
  const terms = left.split(",");
  if (more.length > 0 || terms.length !== shapes.length || !/^[A-Za-z.,]*$/.test(left + (right ?? ""))) {
    throw new ModelError(`Cannot use equation "${text}" for ${shapes.length} operands`);
  }
  const inputs = terms.map((term, place) => labelsOf(term, shapes[place]!, text));
  const extents = extentsOf(inputs, shapes, text);
  const shared = [...extents.keys()].filter((label) => /\d/.test(label)).sort((a, b) => Number(b) - Number(a));
  const output = right === undefined
    ? implicitOutput(inputs, shared)
    : right.includes("...")
    ? [...right.slice(0, right.indexOf("...")), ...shared, ...right.slice(right.indexOf("...") + 3)]
    : [...right];
  if (new Set(output).size < output.length || output.some((label) => !extents.has(label))) {
    throw new ModelError(`Cannot use equation "${text}": the result names a label twice, or one that no operand has`);
  }
  return { inputs, output, extents };
}

function labelsOf(term: string, shape: readonly number[], text: string): string[] {
  const [before = "", after, ...more] = term.split("...");
  const named = before.length + (after?.length ?? 0);
  const hidden = shape.length - named;
  if (more.length > 0 || hidden < 0 || (after === undefined && hidden > 0) || /\./.test(before + (after ?? ""))) {
    throw new ModelError(`Cannot use equation "${text}": term "${term}" does not fit shape ${formatShape(shape)}`);
  }
  const ellipsis = Array.from({ length: hidden }, (_, place) => String(hidden - 1 - place));
  return [...before, ...ellipsis, ...(after ?? "")];
}

function extentsOf(
  inputs: readonly (readonly string[])[],
  shapes: readonly (readonly number[])[],
  text: string,
): Map<string, number> {
  const extents = new Map<string, number>();
  inputs.forEach((labels, operand) =>
    labels.forEach((label, axis) => {
      const extent = shapes[operand]![axis]!;
      const known = extents.get(label) ?? 1;
      if (known !== 1 && extent !== 1 && known !== extent) {
        throw new ModelError(`Cannot use equation "${text}": "${label}" stands for ${known} and for ${extent}`);
      }
      extents.set(label, known === 1 ? extent : known);
    })
  );
  return extents;
}

function implicitOutput(inputs: readonly (readonly string[])[], shared: readonly string[]): string[] {
  const all = inputs.flat().filter((label) => !/\d/.test(label));
  const once = all.filter((label) => all.indexOf(label) === all.lastIndexOf(label));
  return [...shared, ...once.sort()];
}
