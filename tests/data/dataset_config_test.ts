import assert from "node:assert/strict";
import { parseDatasetConfig } from "../../src/data/dataset_config.ts";
import { preprocess, preprocessedSize } from "../../src/data/preprocessing.ts";
import { parsePreprocessing } from "../../src/data/preprocessing_config.ts";
import { grayscale, type Pixels } from "../../src/data/pixels.ts";
import { resized } from "../../src/data/resize.ts";
import { picture } from "./fixtures.ts";
import { refused } from "./refused.ts";

function parse(json: unknown) {
  return parseDatasetConfig(JSON.stringify(json), "some/where/dataset.json");
}

const MINIMAL = { format: "npy", inputs: "x.npy" };

Deno.test("parseDatasetConfig() reads every key, with comments and trailing commas", () => {
  const text = `{
    // in Accuracy Checker's vocabulary
    "format": "images", "inputs": "images/", "labels": "labels.csv",
    "preprocessing": [{ "type": "crop", "size": 4 }, { "type": "normalization", "mean": 1, "std": [2, 3, 4] },],
    "layout": "NHWC", "classes": "classes.txt", "characters": "characters.txt",
  }`;
  assert.deepEqual(parseDatasetConfig(text, "some/where/dataset.json"), {
    name: "where",
    folder: "some/where",
    format: "images",
    inputs: "images/",
    labels: { path: "labels.csv" },
    labelOffset: 0,
    preprocessing: {
      steps: [{ type: "crop", extent: { kind: "size", width: 4, height: 4 }, halfEven: false }],
      affine: { mean: [1], std: [2, 3, 4] },
    },
    layout: "NHWC",
    classes: "classes.txt",
    characters: "characters.txt",
  });
  assert.equal(parseDatasetConfig(JSON.stringify(MINIMAL), "some/where/dataset.tf.json").name, "where/dataset.tf.json");
});

Deno.test("parseDatasetConfig() fills in NCHW, no labels and no preprocessing", () => {
  const config = parse(MINIMAL);
  assert.deepEqual([config.layout, config.labels, config.preprocessing], ["NCHW", undefined, {
    steps: [],
    affine: undefined,
  }]);
  assert.deepEqual(parse({ format: "npy", inputs: { a: "a.npy" } }).inputs, new Map([["a", "a.npy"]]));
  assert.deepEqual(parse({ ...MINIMAL, labels: [1, 2] }).labels, { inline: [1, 2] });
});

Deno.test("parseDatasetConfig() takes class names in a list", () => {
  assert.deepEqual(parse({ ...MINIMAL, classes: ["cat", "dog"] }).classes, ["cat", "dog"]);
  assert.throws(() => parse({ ...MINIMAL, classes: ["cat", 2] }), /"classes" has a number at place 1, expected names/);
  assert.throws(() => parse({ ...MINIMAL, classes: [] }), /"classes" is an empty list, expected names/);
});

Deno.test("parseDatasetConfig() takes $schema, for editors, and a whole label_offset", () => {
  assert.equal(parse({ ...MINIMAL, $schema: "dataset.schema.json", label_offset: -1 }).labelOffset, -1);
  assert.throws(() => parse({ ...MINIMAL, label_offset: 0.5 }), /"label_offset" is 0\.5, expected an integer/);
});

Deno.test("parseDatasetConfig() names what it does not understand", () => {
  const cases: [unknown, RegExp][] = [
    [{ ...MINIMAL, label: "y.npy" }, /unknown key "label", expected format, .*; did you mean "labels"\?/],
    [
      { ...MINIMAL, format: "nyp" },
      /"format" is "nyp", expected one of images, npy, idx, npz, jsonl; did you mean "npy"\?/,
    ],
    [{ inputs: "x" }, /"format" is missing/],
    [{ format: "npy" }, /"inputs" is missing/],
    [{ ...MINIMAL, inputs: 3 }, /"inputs" is a number/],
    [{ ...MINIMAL, inputs: { a: 1 } }, /input "a" is a number/],
    [{ ...MINIMAL, inputs: {} }, /"inputs" is an object/],
    [{ ...MINIMAL, labels: 5 }, /"labels" is a number, expected a path or a list/],
    [{ ...MINIMAL, layout: "nchw" }, /"layout" is "nchw", expected one of NCHW, NHWC; did you mean "NCHW"\?/],
    [{ ...MINIMAL, classes: { a: 1 } }, /"classes" is an object, expected a path/],
    [{ ...MINIMAL, preprocessing: "none" }, /"preprocessing" is no list/],
    [[], /it holds a list/],
  ];
  for (const [json, message] of cases) assert.throws(() => parse(json), refused(message));
  assert.throws(() => parseDatasetConfig('{\n"format": npy }', "d.json"), refused(/"d.json": line 2 is no JSON/));
  assert.throws(() => parseDatasetConfig("", "d.json"), refused(/no JSON/));
});

Deno.test("parsePreprocessing() names types, keys and values that it does not understand", () => {
  const cases: [unknown, RegExp][] = [
    [{ type: "rezise" }, /step 1 has type "rezise", expected one of .*; did you mean "resize"\?/],
    [{ type: "padding", stride: 32 }, /type "padding", expected one of resize, crop, /],
    [{ size: 3 }, /type undefined, expected/],
    ["resize", /is "resize", expected an object/],
    [{ type: "resize", sise: 3 }, /\(resize\) has the unknown key "sise".*; did you mean "size"\?/],
    [{ type: "rgb_to_bgr", size: 3 }, /unknown key "size", expected no keys/],
    [{ type: "resize" }, /has no "size"/],
    [{ type: "resize", size: "256" }, /size "256", expected an integer/],
    [{ type: "resize", size: 0 }, /size 0, expected an integer/],
    [{ type: "resize", dst_width: 4 }, /dst_height missing/],
    [{ type: "resize", size: 4, dst_width: 4 }, /both size and dst_width/],
    [{ type: "resize", size: 4, interpolation: "lanczos" }, /interpolation "lanczos", expected one of box, bilinear/],
    [{ type: "resize", size: 4, interpolation: "bilinar" }, /did you mean "bilinear"\?/],
    [{ type: "resize", size: 4, aspect_ratio_scale: "bigger" }, /aspect_ratio_scale "bigger"/],
    [{ type: "resize", size: 4, use_pillow: false }, /use_pillow false/],
    [{ type: "resize", size: 4, resize_realization: "opencv" }, /resize_realization "opencv", expected "pillow"/],
    [{ type: "crop" }, /needs exactly one of size/],
    [{ type: "crop", size: 3, max_square: true }, /needs exactly one of size/],
    [{ type: "crop", central_fraction: 1.5 }, /central_fraction 1.5/],
    [{ type: "normalization" }, /neither mean nor std/],
    [{ type: "normalization", mean: ["a"] }, /mean \["a"\], expected a number/],
    [{ type: "normalization", mean: "imagnet" }, /mean "imagnet", expected a number.*"imagenet", "cifar10"/],
    [{ type: "normalization", std: [1, 0, 1] }, /has std 0/],
  ];
  for (const [step, message] of cases) assert.throws(() => parsePreprocessing([step], "d"), refused(message));
  const late = [{ type: "normalization", mean: 1 }, { type: "resize", size: 3 }];
  assert.throws(() => parsePreprocessing(late, "d"), refused(/step 2 \(resize\) follows the normalization/));
});

Deno.test("parsePreprocessing() joins normalizations and keeps them beside their channels", () => {
  const first = { type: "normalization", mean: [1, 2, 3], std: [2, 4, 8] };
  const second = { type: "normalization", mean: 10, std: 5 };
  const { affine } = parsePreprocessing([first, second, { type: "rgb_to_bgr" }, { type: "crop", size: 2 }], "d");
  assert.deepEqual(affine, { mean: [83, 42, 21], std: [40, 20, 10] });
  const x = 7;
  assert.equal((x - 83) / 40, ((x - 3) / 8 - 10) / 5);
  const named = parsePreprocessing([{ type: "normalization", mean: "cifar10" }], "d").affine;
  assert.deepEqual(named, { mean: [125.307, 122.961, 113.8575], std: [1] });
});

function run(pixels: Pixels, ...list: readonly unknown[]): Pixels {
  return preprocess(pixels, parsePreprocessing(list, "d").steps);
}

Deno.test("preprocess() resizes to the sizes that Accuracy Checker computes", () => {
  const cases: [object, number, number][] = [
    [{ size: 10 }, 10, 10],
    [{ dst_width: 8, dst_height: 6 }, 8, 6],
    [{ size: 10, aspect_ratio_scale: "greater" }, 13, 10],
    [{ size: 10, aspect_ratio_scale: "width" }, 13, 10],
    [{ size: 10, aspect_ratio_scale: "height" }, 10, 7],
    [{ dst_width: 10, dst_height: 9, aspect_ratio_scale: "fit_to_window" }, 10, 7],
    [{ dst_width: 10, dst_height: 9, aspect_ratio_scale: "min_ratio" }, 12, 9],
  ];
  for (const [keys, width, height] of cases) {
    const source = picture(20, 15);
    const result = run(source, { type: "resize", ...keys });
    assert.deepEqual([result.width, result.height], [width, height], JSON.stringify(keys));
    assert.deepEqual(result, resized(source, width, height, "bilinear"));
  }
  const upright = run(picture(15, 20), { type: "resize", size: 10, aspect_ratio_scale: "greater" });
  assert.deepEqual([upright.width, upright.height], [10, 13]);
});

Deno.test("preprocess() passes the interpolation on", () => {
  for (
    const [name, meant] of [["NEAREST", "nearest"], ["Cubic", "bicubic"], ["linear", "bilinear"], [
      "box",
      "box",
    ]] as const
  ) {
    const result = run(picture(9, 9), { type: "resize", size: 4, interpolation: name });
    assert.deepEqual(result, resized(picture(9, 9), 4, 4, meant), name);
  }
});

Deno.test("preprocess() crops the middle, halves rounded down, or to even with use_pillow", () => {
  const row = { width: 7, height: 1, channels: 1, data: Uint8Array.of(0, 1, 2, 3, 4, 5, 6) };
  const crop = (keys: object) => [...run(row, { type: "crop", ...keys }).data];
  assert.deepEqual(crop({ dst_width: 4, dst_height: 1 }), [1, 2, 3, 4]);
  assert.deepEqual(crop({ dst_width: 4, dst_height: 1, use_pillow: true }), [2, 3, 4, 5]);
  assert.deepEqual(crop({ dst_width: 2, dst_height: 1, use_pillow: true }), [2, 3]);
  assert.deepEqual(crop({ max_square: true }), [3]);
  assert.deepEqual(run(picture(7, 5), { type: "crop", central_fraction: 0.5 }).width, 3);
  assert.throws(() => crop({ size: 3 }), refused(/it is 7x1 where a crop to 3x3 is asked for; put a resize before/));
});

Deno.test("preprocess() reverses channels and makes gray", () => {
  const pixel = { width: 1, height: 1, channels: 3, data: Uint8Array.of(10, 20, 30) };
  assert.deepEqual([...run(pixel, { type: "rgb_to_bgr" }).data], [30, 20, 10]);
  assert.deepEqual([...run(pixel, { type: "bgr_to_rgb" }).data], [30, 20, 10]);
  assert.deepEqual(run(pixel, { type: "rgb_to_gray" }), grayscale(pixel));
});

Deno.test("preprocessedSize() agrees with preprocess()", () => {
  const { steps } = parsePreprocessing([
    { type: "resize", size: 16, aspect_ratio_scale: "greater" },
    { type: "crop", central_fraction: 0.75 },
    { type: "rgb_to_gray" },
  ], "d");
  for (const [width, height] of [[40, 30], [30, 41], [16, 16]] as const) {
    const { data: _, ...size } = preprocess(picture(width, height), steps);
    assert.deepEqual(preprocessedSize({ width, height, channels: 3 }, steps), size);
  }
});
