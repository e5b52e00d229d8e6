/** Resize in plain loops, one axis after the other. */
import { allocate, elementCount, type HostTensor } from "../base/tensor.ts";
import { isKept, originalCoordinate, type ResizeAxis } from "./resize_axes.ts";
import type { ResizeSettings } from "./resize_dispatches.ts";

/** What an element of the output is made of; undefined where it lies outside and is extrapolated. */
type Blend = readonly { readonly place: number; readonly weight: number }[] | undefined;

/** Resizes along all axes; intermediate results stay in double precision. */
export function resizeReference(x: HostTensor, axes: readonly ResizeAxis[], settings: ResizeSettings): HostTensor {
  const shape = axes.map((axis) => axis.size);
  const current = [...x.shape];
  let values = Float64Array.from(x.data);
  axes.forEach((axis, at) => {
    if (isKept(axis, settings.coordinates)) return;
    const blends = Array.from({ length: axis.size }, (_, place) => blendAt(place, axis, settings));
    const inner = elementCount(current.slice(at + 1));
    values = alongAxis(values, elementCount(current.slice(0, at)), axis, inner, blends, settings.extrapolation);
    current[at] = axis.size;
  });
  const data = allocate(x.dtype, values.length);
  data.set(values);
  return { dtype: x.dtype, shape, data };
}

function alongAxis(
  values: Float64Array,
  outer: number,
  { extent, size }: ResizeAxis,
  inner: number,
  blends: readonly Blend[],
  extrapolation: number,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(outer * size * inner);
  for (let index = 0; index < result.length; index++) {
    const blend = blends[Math.floor(index / inner) % size];
    const base = Math.floor(index / (inner * size)) * extent * inner + index % inner;
    result[index] = blend?.reduce((sum, { place, weight }) => sum + weight * values[base + place * inner]!, 0) ??
      extrapolation;
  }
  return result;
}

function blendAt(at: number, axis: ResizeAxis, settings: ResizeSettings): Blend {
  const coordinate = originalCoordinate(at, axis, settings.coordinates);
  const last = axis.extent - 1;
  if (settings.coordinates === "tf_crop_and_resize" && (coordinate < 0 || coordinate > last)) return undefined;
  const inside = (place: number) => Math.min(Math.max(place, 0), last);
  if (settings.mode === "nearest") return [{ place: inside(nearest(coordinate, axis, settings)), weight: 1 }];
  const stretch = settings.antialias ? Math.min(axis.scale, 1) : 1;
  const reach = (settings.mode === "cubic" ? 2 : 1) / stretch;
  const blend = [];
  for (let place = Math.ceil(coordinate - reach); place <= coordinate + reach; place++) {
    const weight = kernelAt((place - coordinate) * stretch, settings);
    if (!settings.excludeOutside || place === inside(place)) blend.push({ place: inside(place), weight });
  }
  const total = blend.reduce((sum, { weight }) => sum + weight, 0);
  return blend.map(({ place, weight }) => ({ place, weight: weight / total }));
}

function nearest(coordinate: number, { scale }: ResizeAxis, { nearestMode }: ResizeSettings): number {
  switch (nearestMode) {
    case "floor":
      return Math.floor(coordinate);
    case "ceil":
      return Math.ceil(coordinate);
    case "round_prefer_floor":
      return Math.ceil(coordinate - 0.5);
    case "round_prefer_ceil":
      return Math.floor(coordinate + 0.5);
    case "simple":
      return scale < 1 ? Math.ceil(coordinate) : Math.floor(coordinate);
  }
}

/** The triangle, or the cubic convolution kernel of Keys with parameter a. */
function kernelAt(x: number, { mode, cubic: a }: ResizeSettings): number {
  const d = Math.abs(x);
  if (mode === "linear") return Math.max(1 - d, 0);
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}
