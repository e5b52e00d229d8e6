import { UnsupportedError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount, type HostTensor, hostTensor, knownTensor, knownType } from "../base/tensor.ts";
import { defineOp } from "./op.ts";

interface UniqueAttributes {
  /** undefined where the input is taken as flat. */
  readonly axis: number | undefined;
  /** In ascending order, else in that of first occurrence. */
  readonly isSorted: boolean;
}

/**
 * ONNX Unique: the distinct elements, or slices along an axis, with the place where each occurs first, the place of every slice among
 * them, and how often each occurs. How many there are depends on the data, so that it is evaluated on the host alone.
 */
export const unique = defineOp<UniqueAttributes>({
  type: "Unique",
  since: 11,
  quant: { kind: "non_quantizable" },
  dataDependent: [0],
  attributes: (raw) => ({
    axis: raw.has("axis") ? raw.int("axis", 0) : undefined,
    isSorted: raw.int("sorted", 1) === 1,
  }),
  infer: ([x], attributes) => {
    const known = knownTensor(x!);
    if (!known) {
      throw new UnsupportedError(
        "Cannot find unique elements: their number is computed at run time, expected a constant input",
      );
    }
    return distinct(known, attributes).map(knownType);
  },
  lower: () => {
    throw new UnsupportedError("Cannot find unique elements: there is no kernel, expected a constant input");
  },
  reference: ([x], attributes) => distinct(x!, attributes),
  cases: [],
  leastInputs: 1,
});

function distinct(x: HostTensor, attributes: UniqueAttributes): HostTensor[] {
  const layout = layoutOf(x, attributes.axis);
  const firstOf = new Map<string, number>();
  const keys = Array.from({ length: layout.extent }, (_, slice) => {
    const key = elementsOf(x, layout, slice).join();
    if (!firstOf.has(key)) firstOf.set(key, slice);
    return key;
  });
  const found = [...firstOf].map(([key, first]) => ({ key, first, elements: elementsOf(x, layout, first) }));
  if (attributes.isSorted) found.sort((a, b) => compare(a.elements, b.elements));
  const rankOf = new Map(found.map(({ key }, rank) => [key, rank]));
  const inverse = keys.map((key) => rankOf.get(key)!);
  const counts = found.map(() => 0);
  for (const rank of inverse) counts[rank]! += 1;
  const places = (values: readonly number[]) => hostTensor("int64", [values.length], values);
  return [
    assemble(x, layout, found.map(({ elements }) => elements)),
    places(found.map(({ first }) => first)),
    places(inverse),
    places(counts),
  ];
}

/** A tensor as `outer × extent × inner` elements, the slices being those of the middle axis. */
interface Layout {
  readonly shape: readonly number[];
  readonly axis: number;
  readonly outer: number;
  readonly extent: number;
  readonly inner: number;
}

function layoutOf(x: HostTensor, wanted: number | undefined): Layout {
  const shape = wanted === undefined ? [x.data.length] : x.shape;
  const axis = normalizeAxis(wanted ?? 0, shape.length);
  const [outer, inner] = [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis + 1))];
  return { shape, axis, outer, extent: shape[axis]!, inner };
}

function elementsOf({ data }: HostTensor, { outer, extent, inner }: Layout, slice: number): number[] {
  return Array.from({ length: outer * inner }, (_, index) => {
    const value = data[(Math.floor(index / inner) * extent + slice) * inner + index % inner]!;
    // One zero of the two.
    return value === 0 ? 0 : value;
  });
}

function compare(a: readonly number[], b: readonly number[]): number {
  const place = a.findIndex((value, index) => value !== b[index]);
  return place < 0 ? 0 : a[place]! - b[place]!;
}

function assemble(x: HostTensor, layout: Layout, slices: readonly (readonly number[])[]): HostTensor {
  const { outer, inner, axis } = layout;
  const data = allocate(x.dtype, outer * slices.length * inner);
  slices.forEach((elements, slice) =>
    elements.forEach((value, index) => {
      data[(Math.floor(index / inner) * slices.length + slice) * inner + index % inner] = value;
    })
  );
  return { dtype: x.dtype, shape: layout.shape.map((own, place) => place === axis ? slices.length : own), data };
}
