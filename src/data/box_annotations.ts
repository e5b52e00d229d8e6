/** Object detection labels: COCO's annotation JSON. */
import { DatasetError } from "../base/errors.ts";
import type { BoxAnnotation } from "./dataset.ts";

/** Boxes per picture, in the order of the file's `images`. */
export interface BoxAnnotations {
  readonly files: readonly string[];
  readonly boxes: readonly (readonly BoxAnnotation[])[];
  readonly categories: ReadonlyMap<number, string>;
}

/** Checks and collects; `path` names the file in errors. */
export function parseBoxAnnotations(json: unknown, path: string): BoxAnnotations {
  const fail = (found: string): DatasetError => new DatasetError(`Cannot read annotations "${path}": ${found}`);
  const lists = json as { images?: unknown; annotations?: unknown; categories?: unknown };
  const images = records(lists.images) ?? [];
  const annotations = records(lists.annotations);
  const categories = records(lists.categories) ?? [];
  if (images.length === 0 || annotations === undefined) {
    throw fail('no "images" and "annotations" lists of objects, expected COCO\'s format');
  }
  const placeOf = new Map<unknown, number>();
  const files = images.map((image, place) => {
    if (typeof image.file_name !== "string") throw fail(`image ${place} has no "file_name"`);
    placeOf.set(image.id, place);
    return image.file_name;
  });
  const boxes: BoxAnnotation[][] = images.map(() => []);
  annotations.forEach((annotation, index) => {
    const place = placeOf.get(annotation.image_id);
    if (place === undefined) {
      throw fail(`annotation ${index} is of image ${JSON.stringify(annotation.image_id)}, which is not in "images"`);
    }
    const parsed = parseBox(annotation);
    if (parsed === undefined) throw fail(`annotation ${index} has no "bbox" of four numbers and "category_id"`);
    boxes[place]?.push(parsed);
  });
  const names = categories.map(({ id, name }): [number, string] => [Number(id), String(name)]);
  return { files, boxes, categories: new Map(names) };
}

function parseBox(annotation: Readonly<Record<string, unknown>>): BoxAnnotation | undefined {
  const { bbox, category_id: category, area, iscrowd } = annotation;
  if (!Array.isArray(bbox) || bbox.length !== 4 || typeof category !== "number") return undefined;
  const [left, top, width, height] = bbox as unknown[];
  if (typeof left !== "number" || typeof top !== "number") return undefined;
  if (typeof width !== "number" || typeof height !== "number") return undefined;
  return {
    category,
    box: [left, top, width, height],
    area: typeof area === "number" ? area : width * height,
    crowd: iscrowd === 1 || iscrowd === true,
  };
}

function records(value: unknown): readonly Readonly<Record<string, unknown>>[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const isRecord = (item: unknown) => typeof item === "object" && item !== null && !Array.isArray(item);
  return value.every(isRecord) ? value : undefined;
}
