/** The script of the page: classifies test images in the browser, on the same kernels as everywhere else. */
/// <reference lib="dom" />
import { loadModel } from "../../src/api/model.ts";
import { Runner } from "../../src/api/runner.ts";
import { Runtime } from "../../src/api/runtime.ts";
import type { HostTensor } from "../../src/base/tensor.ts";

/** Images that are shown. */
const COUNT = 100;

/** Side of an image, and the normalization of models/fashion_mnist/dataset.json. */
const [SIDE, MEAN, STD] = [28, 72.9404, 90.0212];

/** Contents of a gzipped IDX file behind its header. */
async function readIdx(path: string, headerLength: number): Promise<Uint8Array> {
  const { body } = await fetch(path);
  if (!body) throw new Error(`Cannot fetch ${path}`);
  const plain = new Response(body.pipeThrough(new DecompressionStream("gzip")));
  return new Uint8Array(await plain.arrayBuffer()).subarray(headerLength);
}

function draw(pixels: Uint8Array, caption: string, isRight: boolean): HTMLElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const rgba = Uint8ClampedArray.from({ length: 4 * pixels.length }, (_, i) => i % 4 === 3 ? 255 : pixels[i >> 2]!);
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, SIDE, SIDE), 0, 0);
  const figure = document.createElement("figure");
  figure.className = isRight ? "right" : "wrong";
  const text = document.createElement("figcaption");
  text.textContent = caption;
  figure.append(canvas, text);
  return figure;
}

function classOf({ data }: HostTensor, row: number, classes: number): number {
  const scores = Array.from(data.subarray(row * classes, (row + 1) * classes));
  return scores.indexOf(Math.max(...scores));
}

async function main(say: (text: string) => void): Promise<void> {
  using runtime = await Runtime.open();
  say(`Adapter: ${[runtime.adapter.vendor, runtime.adapter.architecture].join(" ")}`);
  const model = await loadModel(new Uint8Array(await (await fetch("model.onnx")).arrayBuffer()));
  const pixels = (await readIdx("images.gz", 16)).subarray(0, COUNT * SIDE * SIDE);
  const labels = await readIdx("labels.gz", 8);
  const names = (await (await fetch("classes.txt")).text()).trim().split("\n");

  using runner = new Runner(runtime, model);
  const [input] = runner.inputs;
  if (!input) throw new Error("Cannot classify: the network has no input");
  const data = Float32Array.from(pixels, (pixel) => (pixel - MEAN) / STD);
  const images = { [input.name]: { dtype: "float32", shape: [COUNT, 1, SIDE, SIDE], data } as const };
  say("Loaded");

  // The first run plans the network for this batch and compiles its kernels.
  await runner.run(images);
  say("Compiled");

  const start = performance.now();
  const [logits] = Object.values(await runner.run(images));
  const time = performance.now() - start;
  if (!logits) throw new Error("Cannot classify: the network has no output");

  let right = 0;
  for (let row = 0; row < COUNT; row++) {
    const found = classOf(logits, row, names.length);
    if (found === labels[row]) right++;
    const image = pixels.subarray(row * SIDE * SIDE, (row + 1) * SIDE * SIDE);
    document.querySelector("main")?.append(draw(image, names[found] ?? String(found), found === labels[row]));
  }
  say(`${right} of ${COUNT} right in ${time.toFixed(0)} ms`);
}

const status = document.querySelector("#status");
const lines: string[] = [];
const say = (text: string) => {
  lines.push(text);
  if (status) status.textContent = lines.join("\n");
};
main(say).catch((error: unknown) => say(`Failed: ${error instanceof Error ? error.message : error}`));
