/** The data movement that most shape operators come down to: a copy between two strided layouts. */
import code from "../../shaders/strided_copy.wgsl" with { type: "text" };
import {
  CHUNK,
  type Dispatch,
  dispatch,
  linearGrid,
  type Shader,
  type Slot,
  WORKGROUP_SIZE,
} from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import { elementCount } from "../base/tensor.ts";
import { collapseAxes } from "./collapse.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "RANK" | "CHUNK",
  "invocations" | "chunks" | "source_offset" | "destination_offset" | "shape" | "source_strides" | "destination_strides"
> = {
  name: "strided_copy",
  code,
  constants: ["WORKGROUP_SIZE", "RANK", "CHUNK"],
  uniforms: [
    "invocations",
    "chunks",
    "source_offset",
    "destination_offset",
    "shape",
    "source_strides",
    "destination_strides",
  ],
};

/** Ranks that the kernel is specialized for; shapes are filled up to the next one. */
const RANKS = [1, 2, 3, 4, 8, 16] as const;

/** One side of a copy; offset and strides in elements. */
export interface Layout {
  readonly slot: Slot;
  readonly offset?: number;
  readonly strides: readonly number[];
}

/** One axis of a copy, with its stride on either side. */
export interface CopyAxis {
  readonly extent: number;
  readonly source: number;
  readonly destination: number;
}

/** The axes of a copy, those of extent 1 left out and those that run through memory as one merged. */
export function mergeAxes(
  shape: readonly number[],
  source: readonly number[],
  destination: readonly number[],
): CopyAxis[] {
  const { extents, strides } = collapseAxes(shape, [source, destination]);
  return extents.map((extent, axis) => ({
    extent,
    source: strides[0]![axis]!,
    destination: strides[1]![axis]!,
  }));
}

/** Copies the elements that `shape` walks from one layout to the other; no dispatch where there are none. */
export function stridedCopy(shape: readonly number[], source: Layout, destination: Layout): Dispatch[] {
  if (elementCount(shape) === 0) return [];
  const scalar = mergeAxes(shape, source.strides, destination.strides);
  const offsets = [source.offset ?? 0, destination.offset ?? 0];
  const vector = isVectorizable(scalar, offsets);
  const axes = vector ? scalar.map(inVectors) : scalar;
  const rank = RANKS.find((candidate) => candidate >= axes.length);
  if (rank === undefined) {
    throw new UnsupportedError(`Cannot copy: ${axes.length} axes interleave, expected at most ${RANKS.at(-1)}`);
  }
  while (axes.length < rank) axes.unshift({ extent: 1, source: 0, destination: 0 });
  const inner = axes[axes.length - 1]!;
  const chunks = Math.ceil(inner.extent / CHUNK);
  const invocations = elementCount(axes.map((axis) => axis.extent)) / inner.extent * chunks;
  return [dispatch(shader, {
    bindings: [source.slot, destination.slot],
    constants: { WORKGROUP_SIZE, RANK: rank, CHUNK },
    uniforms: {
      invocations,
      chunks,
      source_offset: vector ? offsets[0]! / 4 : offsets[0]!,
      destination_offset: vector ? offsets[1]! / 4 : offsets[1]!,
      shape: axes.map((axis) => axis.extent),
      source_strides: axes.map((axis) => axis.source),
      destination_strides: axes.map((axis) => axis.destination),
    },
    aliases: { W: vector ? "vec4<u32>" : "u32" },
    workgroups: linearGrid(invocations, WORKGROUP_SIZE),
  })];
}

function isVectorizable(axes: readonly CopyAxis[], offsets: readonly number[]): boolean {
  const inner = axes[axes.length - 1]!;
  return inner.source === 1 && inner.destination === 1 && inner.extent % 4 === 0 &&
    offsets.every((offset) => offset % 4 === 0) &&
    axes.slice(0, -1).every((axis) => axis.source % 4 === 0 && axis.destination % 4 === 0);
}

function inVectors(axis: CopyAxis, place: number, axes: readonly CopyAxis[]): CopyAxis {
  return place === axes.length - 1
    ? { ...axis, extent: axis.extent / 4 }
    : { ...axis, source: axis.source / 4, destination: axis.destination / 4 };
}
