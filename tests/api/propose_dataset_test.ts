import assert from "node:assert/strict";
import type { FoundLabels } from "../../src/data/survey_folder.ts";
import type { DataSurvey, PictureSizes } from "../../src/data/survey_folder.ts";
import { parseDatasetConfig } from "../../src/data/dataset_config.ts";
import { type DType, hostTensor } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { originOf, pictureInputOf } from "../../src/api/init/network_facts.ts";
import { normalizationsFor } from "../../src/api/init/normalizations.ts";
import { documentOf, FIRST_CHOICE, proposeDataset } from "../../src/api/init/propose_dataset.ts";
import { proposeGeometries } from "../../src/api/init/propose_geometry.ts";
import { proposeLabels } from "../../src/api/init/propose_labels.ts";
import { metricText, proposeMetric } from "../../src/api/init/propose_metric.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { PICTURE_CLASSES, pictureClassifier } from "../fixtures/picture_classifier.ts";

type Shape = readonly (number | string)[];

function withShapes(graph: Graph, input: Shape, ...outputs: readonly Shape[]): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map((one) => ({ ...one, shape: input })),
    outputs: outputs.map((shape, place) => ({ name: `y${place}`, dtype: "float32" as const, shape })),
  };
}

const network = (outputs: number) => withShapes(pictureClassifier(), ["N", 3, 224, 224], ["N", outputs]);

function classes(path: string, values: readonly number[]): FoundLabels {
  return { path, samples: values.length, labels: { kind: "classes", values: Int32Array.from(values) } };
}

function survey(
  given: Partial<DataSurvey> & { readonly dtype?: DType; readonly shape?: readonly number[] },
): DataSurvey {
  const { dtype = "uint8", shape = [3, 8, 8], ...rest } = given;
  return {
    config: parseDatasetConfig('{ "format": "npy", "inputs": "x.npy" }', "data/dataset.json"),
    samples: 100,
    inputs: [{ name: undefined, dtype, shape, normalization: undefined }],
    pictures: undefined,
    ranges: [[0, 255]],
    labels: [classes("y.npy", [0, 5])],
    refused: [],
    classes: undefined,
    characters: undefined,
    ...rest,
  };
}

const model = (graph: Graph) => ({ name: "net", graph, byteLength: 1, sha256: "" });

Deno.test("proposeLabels() counts from what the network's outputs allow", () => {
  const offsets = (outputs: number, found: readonly FoundLabels[]) =>
    proposeLabels(network(outputs), found).choices.map(({ path, offset }) => [path, offset]);
  const [plain, background] = [classes("labels.csv", [0, 999]), classes("labels_1001.csv", [1, 1000])];
  assert.deepEqual(offsets(1000, [plain]), [["labels.csv", 0]]);
  const [few, fewShifted] = [classes("labels.csv", [0, 700]), classes("labels_1001.csv", [1, 701])];
  assert.deepEqual(offsets(1000, [fewShifted, few]), [["labels.csv", 0]], "not every class occurs");
  assert.deepEqual(offsets(1001, [few, fewShifted]), [["labels_1001.csv", 0]]);
  assert.deepEqual(offsets(1000, [background, plain]), [["labels.csv", 0]]);
  assert.deepEqual(offsets(1001, [plain, background]), [["labels_1001.csv", 0]]);
  assert.deepEqual(offsets(1001, [plain]), [["labels.csv", 1], ["labels.csv", 0]]);
  assert.deepEqual(offsets(10, [classes("y.npy", [1, 10])]), [["y.npy", -1]], "labels from 1");
  assert.deepEqual(offsets(10, [classes("y.npy", [1, 7])]), [["y.npy", 0], ["y.npy", -1]], "perhaps from 1");
});

Deno.test("proposeLabels() says why labels cannot be the network's", () => {
  const notes = (graph: Graph, found: FoundLabels) => {
    const { choices, notes: [note = ""] } = proposeLabels(graph, [found]);
    assert.deepEqual(choices, []);
    return note;
  };
  assert.match(notes(network(10), classes("y.npy", [0, 11])), /classes 0 to 11: the network has only 10 outputs$/);
  assert.match(notes(network(10), classes("y.npy", [0, 10])), /classes 0 to 10: the network has only 10 outputs$/);
  const grid = withShapes(pictureClassifier(), ["N", 3, 8, 8], ["N", 21, 8, 8]);
  assert.match(notes(grid, classes("y.npy", [0, 1])), /the network gives no vector of classes$/);
  const masks: FoundLabels = {
    path: "masks",
    samples: 1,
    labels: { kind: "masks", paths: [], read: () => Promise.reject() },
  };
  assert.match(notes(network(10), masks), /masks has masks: the network gives no value for every pixel$/);
  assert.equal(proposeLabels(grid, [masks]).choices.length, 1);
  const lines: FoundLabels = {
    path: "labels.tsv",
    samples: 1,
    labels: { kind: "text", values: ["a"], characters: undefined },
  };
  assert.match(notes(grid, lines), /there is no file of characters/);
  const floats = (...shape: number[]): FoundLabels => ({
    path: "y.npy",
    samples: 2,
    labels: { kind: "tensor", tensor: hostTensor("float32", shape, new Float32Array(shape.reduce((a, b) => a * b))) },
  });
  assert.match(notes(network(3), floats(2)), /y.npy has values: the network gives 3 for each sample, the labels 1; /);
  assert.equal(proposeLabels(network(3), [floats(2, 3)]).choices.length, 1);
  assert.equal(proposeLabels(network(1), [floats(2, 1)]).choices.length, 1);
});

Deno.test("pictureInputOf() tells channels first from channels last, and finds what scales the input", () => {
  const layout = (...shape: Shape) => pictureInputOf(withShapes(pictureClassifier(), shape))?.layout;
  assert.equal(layout("N", 3, 224, 224), "NCHW");
  assert.equal(layout("N", 224, 224, 3), "NHWC");
  assert.equal(layout("N", "", "", ""), "NCHW");
  assert.equal(layout("N", 64), undefined);
  const b = new GraphBuilder();
  b.input("image", [1, 3, 4, 3]);
  b.constant("scale", [], [1 / 255]);
  const scaled = b.node("Mul", ["image", "scale"], { name: "rescale" });
  b.output(b.node("Transpose", [scaled], { attributes: { perm: [0, 3, 1, 2] } }));
  const input = pictureInputOf(b.build());
  assert.deepEqual([input?.layout, input?.channels, input?.height, input?.width], ["NHWC", 3, 3, 4]);
  assert.equal(input?.scaling?.name, "rescale");
  assert.equal(pictureInputOf(pictureClassifier())?.scaling, undefined);
});

Deno.test("normalizationsFor() puts first what the network's origin, size and task speak for", () => {
  const first = (clues: Partial<Parameters<typeof normalizationsFor>[0]>) =>
    normalizationsFor({ channels: 3, height: 224, origin: "unknown", scales: false, task: "classes", ...clues })[0]
      ?.name;
  assert.equal(first({}), "ImageNet");
  assert.equal(first({ origin: "tensorflow" }), "-1 to 1");
  assert.equal(first({ task: "boxes" }), "0 to 1");
  assert.equal(first({ task: "text" }), "-1 to 1");
  assert.equal(first({ scales: true, origin: "tensorflow" }), "0 to 255");
  assert.equal(first({ channels: 1, height: 28 }), "MNIST");
  const names = normalizationsFor({ channels: 1, height: 28, origin: "tensorflow", scales: true, task: "classes" });
  assert.equal(new Set(names.map(({ name }) => name)).size, names.length, "each once");
  assert.ok(names.every(({ affine }) => affine === undefined || affine.mean.length === 1));
  const producer = (producerName: string) => {
    const graph = pictureClassifier();
    return originOf({ ...graph, metadata: { ...graph.metadata, producerName } }).origin;
  };
  assert.deepEqual([producer("pytorch"), producer("tf2onnx"), producer("")], ["pytorch", "tensorflow", "unknown"]);
});

Deno.test("proposeGeometries() crops what is nearly of size, shrinks what is larger and stretches what is smaller", () => {
  const input = { name: "x", layout: "NCHW", channels: 3, reason: "", scaling: undefined } as const;
  const names = (
    side: number | undefined,
    pictures: Partial<PictureSizes>,
    kind: "classes" | "annotations" = "classes",
  ) =>
    proposeGeometries(
      { ...input, width: side, height: side },
      { width: 227, height: 227, areEqual: true, shortestSide: 227, ...pictures },
      kind,
    ).map(({ name }) => name);
  assert.deepEqual(names(227, {}), ["as they are"]);
  assert.deepEqual(names(224, {}), ["crop 224", "resize to 224x224"]);
  const large = { width: 500, height: 375, areEqual: false, shortestSide: 333 };
  assert.deepEqual(names(224, large), [
    "resize shorter side to 256, crop 224",
    "resize shorter side to 224, crop 224",
    "resize to 224x224",
  ]);
  assert.equal(names(224, { width: 32, height: 32, shortestSide: 32 })[0], "resize to 224x224");
  assert.deepEqual(names(undefined, {}), ["as they are"]);
  assert.deepEqual(names(undefined, large, "annotations"), ["resize to 640x640"]);
});

Deno.test("documentOf() scales means to how values are stored, reverses them with the channels, and leaves out what is nothing", () => {
  const steps = (given: Parameters<typeof survey>[0], choice = {}) => {
    const data = survey(given);
    const proposal = proposeDataset(
      model(withShapes(pictureClassifier(), ["N", 3, 8, 8], ["N", PICTURE_CLASSES])),
      data,
    );
    return documentOf(data, proposal, { ...FIRST_CHOICE, ...choice }).preprocessing;
  };
  const imagenet = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };
  assert.deepEqual(steps({}), [{ type: "normalization", ...imagenet }]);
  assert.deepEqual(steps({}, { isReversed: true }), [
    { type: "rgb_to_bgr" },
    { type: "normalization", mean: [103.53, 116.28, 123.675], std: [57.375, 57.12, 58.395] },
  ]);
  assert.deepEqual(steps({ dtype: "float32", ranges: [[0, 1]] }), [
    { type: "normalization", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  ]);
  assert.deepEqual(steps({ dtype: "float32", ranges: [[0, 1]] }, { normalization: 2 }), [], "0 to 1 already");
  assert.deepEqual(steps({ dtype: "float32", ranges: [[-2.1, 2.6]] }), [], "normalized already");
  assert.throws(
    () => steps({ shape: [8, 8, 3] }),
    /Cannot feed input "image" from "data": samples are \[8, 8, 3\], expected \[3, 8, 8\] \(NCHW\); store them so, x\.transpose/,
  );
});

Deno.test("documentOf() lists class names that are guessed", () => {
  const named = { ...classes("labels.csv", [0, 5]), classNames: ["a", "b", "c", "d", "e", "f"] };
  const data = survey({ labels: [named] });
  const net = withShapes(pictureClassifier(), ["N", 3, 8, 8], ["N", PICTURE_CLASSES]);
  assert.deepEqual(documentOf(data, proposeDataset(model(net), data), FIRST_CHOICE).classes, named.classNames);
});

Deno.test("proposeMetric() goes by labels and outputs", () => {
  const head = (kind: Parameters<typeof proposeMetric>[1], ...outputs: readonly Shape[]) =>
    metricText(proposeMetric(withShapes(pictureClassifier(), ["N", 3, 8, 8], ...outputs), kind));
  assert.equal(head("classes", ["N", 10]), "accuracy");
  assert.equal(head("masks", ["N", 21, 8, 8]), "mean_iou");
  assert.equal(head("masks", ["N", 8, 8, 21]), "mean_iou:axis=2");
  assert.equal(head("text", ["N", 60, 100]), "line_accuracy");
  assert.equal(head("tensor", ["N", 4]), "mse");
  assert.equal(head(undefined, ["N", 4]), "agreement");
  assert.equal(head("annotations", ["N", 85, 22, 22]), "coco_map:adapter=fastestdet");
  assert.equal(head("annotations", ["N", 84, 8400]), "coco_map:adapter=yolo_v8");
  assert.equal(head("annotations", ["N", 25200, 85]), "coco_map:adapter=yolo_v5");
  assert.equal(head("annotations", ["N", 100, 4], ["N", 100, 21]), "coco_map:adapter=ssd");
  assert.equal(head("annotations", ["N", 255, 13, 13], ["N", 255, 26, 26]), "coco_map:adapter=yolo_v3");
});
