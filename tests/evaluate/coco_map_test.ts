import assert from "node:assert/strict";
import type { BoxAnnotation, Placement } from "../../src/data/dataset.ts";
import { COCO_THRESHOLDS, cocoMap, type CocoMapOptions } from "../../src/evaluate/coco_map.ts";
import type { Detection, DetectionAdapter } from "../../src/evaluate/detections.ts";
import { filterDetections, intersectionOverUnion } from "../../src/evaluate/detections.ts";
import { labelled, object } from "./samples.ts";

/** One picture: objects and detections. */
interface Picture {
  readonly truths: readonly BoxAnnotation[];
  readonly found: readonly Detection[];
  readonly placement?: Placement;
}

const PICTURE = { name: undefined, dtype: "uint8", shape: [3, 100, 200], normalization: undefined } as const;
const EVERYTHING = { score: -1, iou: 1, limit: 1000 };

/** Evaluates detections that are given rather than decoded. */
function evaluate(
  pictures: readonly Picture[],
  options: Partial<CocoMapOptions> & { classes?: string[]; categories?: ReadonlyMap<number, string> } = {},
): { perSample: number[]; value: number } {
  const { classes, categories, ...rest } = options;
  const known = categories ??
    new Map(
      [...new Set(pictures.flatMap(({ truths }) => truths.map((one) => one.category)))].map((id) => [id, `${id}`]),
    );
  const dataset = labelled(
    { kind: "annotations", boxes: pictures.map(({ truths }) => truths), categories: known },
    { inputs: [PICTURE], classes },
  );
  let next: readonly Detection[] = [];
  const adapter: DetectionAdapter = { name: "given", decode: () => [...next] };
  const run = cocoMap({ ...EVERYTHING, usesCategoryIds: classes === undefined && !categories, ...rest, adapter }).start(
    dataset,
  );
  const perSample = pictures.map(({ truths, found, placement }, index) => {
    next = found;
    return run.add({ outputs: [], label: truths, index, ...(placement ? { placement } : {}) });
  });
  return { perSample, value: run.value() };
}

/** pycocotools adds an epsilon to denominators, so that even a perfect precision is not quite 1. */
function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} is not near ${expected}`);
}

/** The minimal standard generator: the same draws as in the script that asked pycocotools. */
function* draws(seed: number): Generator<number, never> {
  for (let state = seed;;) {
    state = state * 16807 % 2147483647;
    yield state / 2147483647;
  }
}

/** Six pictures with crowds, misplaced boxes, wrong classes and many equal scores. */
function madeUp(seed: number): Picture[] {
  const source = draws(seed);
  const next = () => source.next().value;
  return Array.from({ length: 6 }, () => {
    const truths: BoxAnnotation[] = [];
    const found: Detection[] = [];
    for (let one = 0; one < 5; one++) {
      const [x, y] = [Math.floor(next() * 80), Math.floor(next() * 80)];
      const [width, height] = [10 + Math.floor(next() * 30), 10 + Math.floor(next() * 30)];
      const category = Math.floor(next() * 3);
      truths.push(object(category, [x, y, width, height], { crowd: next() < 0.15 }));
      for (let attempt = 0; attempt < 2; attempt++) {
        if (next() >= 0.75) continue;
        const shift = (extent: number) => Math.floor(next() * extent - extent / 2);
        const [left, top] = [x + shift(8), y + shift(8)];
        const box = [left, top, width + shift(6), height + shift(6)] as const;
        const given = next() < 0.85 ? category : Math.floor(next() * 3);
        found.push({ category: given, box, score: Math.floor(next() * 20) / 20 });
      }
    }
    return { truths, found };
  });
}

Deno.test("cocoMap() gives what pycocotools gives", () => {
  // mAP@[.5:.95], mAP@.5, mAP@.75 of COCOeval on the same pictures.
  const expected: readonly (readonly [number, number, number, number])[] = [
    [1, 0.3458632236850059, 0.6801764791863802, 0.20838083808380833],
    [2, 0.34437145055811336, 0.7899859216690899, 0.289588093424727],
    [3, 0.271529630069234, 0.6072725129655823, 0.16956080223406955],
  ];
  for (const [seed, all, half, threeQuarters] of expected) {
    const pictures = madeUp(seed);
    near(evaluate(pictures).value, all);
    near(evaluate(pictures, { thresholds: [0.5] }).value, half);
    near(evaluate(pictures, { thresholds: [0.75] }).value, threeQuarters);
  }
});

Deno.test("cocoMap() is 1 where every object is found, 0 where none is, and NaN where there is none", () => {
  const box = [10, 10, 20, 20] as const;
  const found = [{ category: 4, score: 0.5, box }];
  const { perSample, value } = evaluate([
    { truths: [object(4, box)], found },
    { truths: [object(4, box)], found: [] },
    { truths: [], found },
  ]);
  near(perSample[0]!, 1);
  assert.deepEqual(perSample.slice(1), [0, NaN]);
  // Two objects; the second of two equally sure detections is wrong: precision 1 up to recall 0.5, so 51 of 101 levels.
  near(value, 51 / 101);
});

Deno.test("cocoMap() counts a second detection of an object as wrong, and any number of them in a crowd as nothing", () => {
  const box = [0, 0, 40, 40] as const;
  const part = [0, 0, 20, 20] as const;
  const twice = [{ category: 0, score: 0.9, box }, { category: 0, score: 0.8, box }];
  const other = [{ category: 0, score: 0.1, box: [60, 60, 20, 20] as const }];
  const free = object(0, [60, 60, 20, 20]);
  // Of two objects the second is found after a wrong detection: precision 2/3 beyond recall 0.5.
  const strict = evaluate([{ truths: [object(0, box), free], found: [...twice, ...other] }]).value;
  near(strict, (51 + 50 * 2 / 3) / 101);
  const crowd = evaluate([{
    truths: [object(0, box, { crowd: true }), free],
    found: [{ category: 0, score: 0.9, box: part }, ...twice, ...other],
  }]);
  near(crowd.value, 1);
});

Deno.test("cocoMap() prefers an object to a crowd that holds more of the detection", () => {
  const truths = [object(0, [0, 0, 100, 100], { crowd: true }), object(0, [0, 0, 40, 40])];
  near(evaluate([{ truths, found: [{ category: 0, score: 1, box: [0, 0, 40, 38] }] }]).value, 1);
});

Deno.test("cocoMap() puts boxes back into the picture that was resized and cropped", () => {
  const truths = [object(0, [110, 220, 40, 40])];
  const found = [{ category: 0, score: 1, box: [5, 10, 20, 10] as const }];
  const placement = { left: 100, top: 180, scaleX: 2, scaleY: 4 };
  near(evaluate([{ truths, found, placement }]).value, 1);
  near(evaluate([{ truths, found }]).value, 0);
});

Deno.test("cocoMap() knows classes by name where the dataset names them, else by the order of the ids", () => {
  const box = [0, 0, 10, 10] as const;
  const categories = new Map([[7, "cat"], [3, "dog"]]);
  const picture = { truths: [object(7, box)], found: [{ category: 0, score: 1, box }] };
  near(evaluate([picture], { categories, classes: ["cat", "dog"] }).value, 1);
  near(evaluate([picture], { categories, classes: ["dog", "cat"] }).value, 0);
  near(evaluate([{ ...picture, found: [{ category: 1, score: 1, box }] }], { categories }).value, 1);
  assert.throws(
    () => evaluate([picture], { categories, classes: ["cat", "horse"] }),
    /category "dog" is not in its file of classes/,
  );
});

Deno.test("COCO_THRESHOLDS are those of NumPy's linspace", () => {
  assert.deepEqual(COCO_THRESHOLDS.map((value) => value.toFixed(2)), [
    "0.50",
    "0.55",
    "0.60",
    "0.65",
    "0.70",
    "0.75",
    "0.80",
    "0.85",
    "0.90",
    "0.95",
  ]);
});

Deno.test("filterDetections() drops what a better detection of the same class covers", () => {
  const at = (x: number, score: number, category = 0) => ({ category, score, box: [x, 0, 10, 10] as const });
  const kept = filterDetections([at(1, 0.5), at(0, 0.9), at(2, 0.7, 1), at(40, 0.001), at(30, 0.2), at(60, 0.1)], {
    score: 0.001,
    iou: 0.45,
    limit: 3,
  });
  assert.deepEqual(kept, [at(0, 0.9), at(2, 0.7, 1), at(30, 0.2)]);
  const above = filterDetections([at(0, 0.25), at(40, 0.5)], { score: 0.25, iou: 0.45, limit: 3 });
  assert.deepEqual(above, [at(40, 0.5)]);
});

Deno.test("intersectionOverUnion() of a box in a crowd counts its own area alone", () => {
  assert.equal(intersectionOverUnion([0, 0, 10, 10], [5, 0, 15, 10]), 50 / 200);
  assert.equal(intersectionOverUnion([0, 0, 10, 10], [5, 0, 15, 10], true), 0.5);
  assert.equal(intersectionOverUnion([0, 0, 10, 10], [10, 0, 5, 5]), 0);
});
