/**
 * Sums of products of codes become codes as in the integer kernels of runtimes: shown where computing as QuantizeLinear and
 * DequantizeLinear are written rounds the other way.
 */
import assert from "node:assert/strict";
import { createRandom } from "../../src/base/random.ts";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import type { Quantizer, QuantizerLayout } from "../../src/graph/quantizer.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { type CandidateData, Session } from "../../src/run/session.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

const CHANNELS = 24;
const [X_SCALE, Y_SCALE] = [Math.fround(0.02), Math.fround(0.7)];
const [X_CODE, W_CODE] = [100, 127];

/** Rounded half to even, as both formulas have it. */
function rounded(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The code of a sum in steps of `unit`: one float32 factor. */
function requantized(sum: number, unit: number): number {
  return rounded(Math.fround(sum * Math.fround(unit / Y_SCALE)));
}

/** The same through the float32 value of the sum. */
function throughFloat(sum: number, unit: number): number {
  return rounded(Math.fround(Math.fround(sum * unit) / Y_SCALE));
}

/** A channel: the scale of its weights, the code of its bias, and the code of its results, positive ones alone if asked for. */
interface Channel {
  readonly scale: number;
  readonly bias: number;
  readonly code: number;
}

function drawChannels(isPositive: boolean): Channel[] {
  const random = createRandom(7);
  const channels: Channel[] = [];
  while (channels.length < CHANNELS) {
    const scale = Math.fround(1.6e-3 + 8e-4 * random());
    const unit = Math.fround(X_SCALE * scale);
    const level = Math.floor(100 * random()) - (isPositive ? 0 : 50) + 0.5;
    const sum = Math.round(level * Y_SCALE / unit);
    const code = requantized(sum, unit);
    if (code !== throughFloat(sum, unit)) channels.push({ scale, bias: sum - X_CODE * W_CODE, code });
  }
  return channels;
}

/** A layer over `x` whose every sum is one product of codes and a bias. */
interface Layer {
  readonly x: readonly number[];
  /** Places of x that are not zero; all unless stated. */
  readonly filled?: number;
  readonly w: readonly number[];
  /** Axis of the channels in the weights, and how many elements of each stay from the first that counts. */
  readonly axis: number;
  /** Which taps of a channel are not zero. */
  readonly isFilled: (tap: number) => boolean;
  readonly type: string;
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
  readonly activation?: string;
  /** A shader that the plan has to use. */
  readonly shader: string;
}

const all = () => true;
const LAYERS: Readonly<Record<string, Layer>> = {
  "Conv 1×1": {
    type: "Conv",
    x: [1, 1, 4, 5],
    w: [CHANNELS, 1, 1, 1],
    axis: 0,
    isFilled: all,
    shader: "matmul",
  },
  "Conv 1×1 with Relu": {
    type: "Conv",
    x: [1, 1, 4, 4],
    w: [CHANNELS, 1, 1, 1],
    axis: 0,
    isFilled: all,
    activation: "Relu",
    shader: "matmul",
  },
  "Conv 3×3 with Clip": {
    type: "Conv",
    x: [1, 1, 6, 8],
    w: [CHANNELS, 1, 3, 3],
    axis: 0,
    isFilled: (tap) => tap === 4,
    attributes: { pads: [1, 1, 1, 1] },
    activation: "Clip",
    shader: "conv",
  },
  "depthwise Conv": {
    type: "Conv",
    x: [1, CHANNELS, 5, 7],
    w: [CHANNELS, 1, 3, 3],
    axis: 0,
    isFilled: (tap) => tap === 4,
    attributes: { pads: [1, 1, 1, 1], group: CHANNELS },
    shader: "sliding_block",
  },
  ConvTranspose: {
    type: "ConvTranspose",
    x: [1, 1, 3, 3],
    w: [1, CHANNELS, 2, 2],
    axis: 1,
    isFilled: all,
    attributes: { strides: [2, 2] },
    shader: "conv_transpose",
  },
  Gemm: { type: "Gemm", x: [3, 1], w: [1, CHANNELS], axis: 1, isFilled: all, shader: "matmul" },
  "Gemm with transB": {
    type: "Gemm",
    x: [3, 1],
    w: [CHANNELS, 1],
    axis: 0,
    isFilled: all,
    attributes: { transB: 1 },
    shader: "matmul",
  },
  "Gemm in slices": {
    type: "Gemm",
    x: [1, 70000],
    filled: 1,
    w: [70000, CHANNELS],
    axis: 1,
    isFilled: (tap) => tap === 0,
    shader: "sum_slices",
  },
};

/** Weights of the code 127 where a tap counts, else 0, in float32. */
function weights({ w, axis, isFilled }: Layer, channels: readonly Channel[]): HostTensor {
  const inner = w.slice(axis + 1).reduce((product, extent) => product * extent, 1);
  const data = Float32Array.from({ length: w.reduce((product, extent) => product * extent, 1) }, (_, place) => {
    const channel = Math.floor(place / inner) % CHANNELS;
    const tap = axis === 0 ? place % inner : Math.floor(place / (inner * CHANNELS)) * inner + place % inner;
    return isFilled(tap) ? W_CODE * channels[channel]!.scale : 0;
  });
  return hostTensor("float32", w, data);
}

for (const [name, layer] of Object.entries(LAYERS)) {
  Deno.test({
    name: `Session.run() rounds as integer kernels do: ${name}`,
    ignore: !gpu,
    async fn() {
      const channels = drawChannels(layer.activation === "Relu");
      const builder = new GraphBuilder(13);
      const x = builder.input("x", layer.x);
      const inputs = [x, builder.constant("w", layer.w), builder.constant("b", [CHANNELS])];
      const made = builder.node(layer.type, inputs, { name: "layer", attributes: layer.attributes ?? {} });
      const bounds = layer.activation === "Clip"
        ? [builder.constant("low", [], [-60]), builder.constant("high", [], [60])]
        : [];
      const y = layer.activation ? builder.node(layer.activation, [made, ...bounds]) : made;
      const typed = builder.output(builder.node("Neg", [y], { name: "negated" })).typed();
      const quantizers = ([
        { value: x, kind: "activation", consumers: [{ node: "layer", input: 0 }] },
        { value: "w", kind: "weight", consumers: [{ node: "layer", input: 1 }], channelAxis: layer.axis },
        { value: "b", kind: "bias", consumers: [{ node: "layer", input: 2 }], channelAxis: 0 },
        { value: y, kind: "activation", consumers: [{ node: "negated", input: 0 }] },
      ] as const).map((one, id): Quantizer => ({ ...one, id, name: one.value, group: 0 }));
      const group = { id: 0, name: "all", quantizers: quantizers.map(({ id }) => id), nodes: ["layer"] };
      const layout: QuantizerLayout = { quantizers, groups: [group] };
      const plan = buildPlan(typed, quantizers, { target: gpu!.kernelTarget });
      assert.ok(plan.steps.some(({ dispatch }) => dispatch.shader.name === layer.shader));

      const units = Float32Array.from(channels, ({ scale }) => X_SCALE * scale);
      const bias = Float32Array.from(channels, (channel, place) => channel.bias * units[place]!);
      const parameters = (scale: number) => ({
        parameters: { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(0), low: -128, high: 127 },
      });
      using session = await Session.create(gpu!, pipelines!, plan, layout);
      session.setCandidate(
        0,
        new Map<number, CandidateData>([
          [0, parameters(X_SCALE)],
          [1, { tensor: weights(layer, channels) }],
          [2, { tensor: hostTensor("float32", [CHANNELS], bias), units }],
          [3, parameters(Y_SCALE)],
        ]),
      );
      const length = layer.x.reduce((product, extent) => product * extent, 1);
      const filled = layer.filled ?? length;
      session.writeInput(
        "x",
        hostTensor("float32", layer.x, Float32Array.from({ length }, (_, place) => place < filled ? 100 * X_SCALE : 0)),
      );
      session.run([0]);
      const [output] = await session.read();
      const { shape, data } = output!;
      const inner = shape.slice(2).reduce((product, extent) => product * extent, 1);
      const expected = Array.from(data, (_, place) => {
        const { code } = channels[Math.floor(place / inner) % CHANNELS]!;
        return -Math.fround(code * Y_SCALE);
      });
      assert.deepEqual(Array.from(data), expected);
    },
  });
}
