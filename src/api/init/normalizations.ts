/** Normalizations that networks were trained with, and in which order to expect them. */
import type { Origin } from "./network_facts.ts";

/** A way to bring pixels of 0 to 255 to what a network wants. */
export interface Normalization {
  readonly name: string;
  /** Undefined for pixels as they are. */
  readonly affine: { readonly mean: readonly number[]; readonly std: readonly number[] } | undefined;
  /** Channel order; RGB unless stated. */
  readonly isBgr?: true;
  /** Who trains like this. */
  readonly use: string;
}

const same = (mean: number, std: number, channels: number) => ({
  mean: Array<number>(channels).fill(mean),
  std: Array<number>(channels).fill(std),
});

/** Pixels between -1 and 1. */
const signed = (channels: number): Normalization => ({
  name: "-1 to 1",
  affine: same(127.5, 127.5, channels),
  use: "TensorFlow's and Keras' MobileNets and Inceptions, PaddleOCR",
});

/** Pixels between 0 and 1. */
const unit = (channels: number): Normalization => ({
  name: "0 to 1",
  affine: same(0, 255, channels),
  use: "YOLO and most small networks",
});

/** Pixels as they are. */
const raw: Normalization = {
  name: "0 to 255",
  affine: undefined,
  use: "networks that scale in their graph, EfficientNet of Keras",
};

/** Mean and standard deviation of ImageNet in RGB order. */
const imagenet: Normalization = {
  name: "ImageNet",
  affine: { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  use: "torchvision, timm, the ONNX model zoo, PaddleClas",
};

const caffe: Normalization = {
  name: "Caffe",
  affine: { mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
  isBgr: true,
  use: "networks that were trained in Caffe, Keras' ResNet and VGG",
};

const clip: Normalization = {
  name: "CLIP",
  affine: { mean: [122.771, 116.746, 104.094], std: [68.501, 66.632, 70.323] },
  use: "CLIP and its descendants",
};

/** CIFAR-10's own mean and deviation, and the deviation (of each picture by itself) that many training scripts carry. */
const CIFAR: readonly Normalization[] = [
  {
    name: "CIFAR-10, deviation of pictures",
    affine: { mean: [125.307, 122.961, 113.8575], std: [51.5865, 50.847, 51.255] },
    use: "the training scripts of many CIFAR networks",
  },
  {
    name: "CIFAR-10",
    affine: { mean: [125.307, 122.961, 113.8575], std: [62.993, 62.089, 66.705] },
    use: "CIFAR networks",
  },
  {
    name: "CIFAR-100",
    affine: { mean: [129.304, 124.070, 112.434], std: [68.170, 65.392, 70.418] },
    use: "CIFAR-100 networks",
  },
];

const DIGITS: readonly Normalization[] = [
  { name: "MNIST", affine: same(33.3184, 78.5675, 1), use: "PyTorch's MNIST example" },
  { name: "Fashion-MNIST", affine: same(72.9404, 90.0212, 1), use: "networks for Fashion-MNIST" },
];

/** What decides the order. */
export interface NormalizationClues {
  readonly channels: number;
  readonly height: number | undefined;
  readonly origin: Origin;
  /** Whether the graph scales its input. */
  readonly scales: boolean;
  readonly task: "classes" | "boxes" | "masks" | "text" | "values" | undefined;
}

/** All that fit the number of channels, the likeliest first. */
export function normalizationsFor({ channels, height, origin, scales, task }: NormalizationClues): Normalization[] {
  const first: Normalization[] = [];
  const isSmall = height !== undefined && height <= 32;
  if (scales) first.push(raw);
  if (channels === 1 && isSmall) first.push(...DIGITS);
  if (channels === 3 && height === 32) first.push(...CIFAR);
  if (task === "boxes") first.push(unit(channels));
  if (task === "text" || origin === "tensorflow") first.push(signed(channels));
  const general = channels === 3 ? [imagenet, signed(3), unit(3), raw, caffe, clip] : [unit(1), signed(1), raw];
  return [...first, ...general].filter(({ name }, place, all) => all.findIndex((one) => one.name === name) === place);
}
