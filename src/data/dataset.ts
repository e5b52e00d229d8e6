/** What a dataset is to the rest of the project: samples as they are stored, labels, and a hash of both. */
import type { DType, HostTensor } from "../base/tensor.ts";

/** The affine map from stored values to what the network gets: `y = (x - mean[c]) / std[c]`. */
export interface Normalization {
  /** One value per channel: as many as `shape[channelAxis]`. */
  readonly mean: readonly number[];
  /** One value per channel, none zero. */
  readonly std: readonly number[];
  /** Axis of one sample's shape, so without the batch axis. */
  readonly channelAxis: number;
}

/** One network input of every sample, as stored: before the affine normalization, which the GPU applies. */
export interface SampleInput {
  /** The network input that gets these values; undefined where the network has only one. */
  readonly name: string | undefined;
  /** `uint8` for pictures; arrays keep their type, except that float16 and float64 are given as float32. */
  readonly dtype: DType;
  /** Of one sample, without the batch axis, in the network's layout. */
  readonly shape: readonly number[];
  /** What is done to stored values before the network reads them; undefined for nothing. */
  readonly normalization: Normalization | undefined;
}

/** One box of an object detection sample, in pixels of the picture as it lies on disk. */
export interface BoxAnnotation {
  /** Category id as in the annotation file. */
  readonly category: number;
  /** Left, top, width, height. */
  readonly box: readonly [number, number, number, number];
  /** In pixels of the picture. */
  readonly area: number;
  /** Whether the box stands for a crowd, which COCO's metrics ignore. */
  readonly crowd: boolean;
}

/** Where a network's input lies in the picture on disk: `x_picture = left + x_input * scaleX`, y alike, in pixels. */
export interface Placement {
  /** Columns that were cut off or added on the left, in pixels of the network's input. */
  readonly left: number;
  /** Rows that were cut off or added on top, likewise. */
  readonly top: number;
  /** Pixels of the network's input per pixel of the picture, across. */
  readonly scaleX: number;
  /** The same, down. */
  readonly scaleY: number;
}

/** What the samples are scored by; the first axis of every array counts samples. */
export type Labels =
  | { readonly kind: "classes"; readonly values: Int32Array }
  /** Regression targets and the like. */
  | { readonly kind: "tensor"; readonly tensor: HostTensor }
  /** Segmentation: one uint8 [H, W] tensor of class indices per sample, read on demand. */
  | { readonly kind: "masks"; readonly paths: readonly string[]; read(index: number): Promise<HostTensor> }
  /** Transcriptions; `characters` maps class index to character where the dataset states it. */
  | { readonly kind: "text"; readonly values: readonly string[]; readonly characters: readonly string[] | undefined }
  /** Object detection: boxes per sample, and the names of the category ids. */
  | {
    readonly kind: "annotations";
    readonly boxes: readonly (readonly BoxAnnotation[])[];
    readonly categories: ReadonlyMap<number, string>;
  };

/** Labelled samples in a fixed order. Whoever opens one closes it. */
export interface Dataset {
  /** Name in reports. */
  readonly name: string;
  /** Number of samples. */
  readonly length: number;
  /** What one sample consists of, an entry per input of the network. */
  readonly inputs: readonly SampleInput[];
  /** Undefined where the data has none, which calibration does not need. */
  readonly labels: Labels | undefined;
  /** Names of the classes, by class index. */
  readonly classes: readonly string[] | undefined;
  /** File name of a sample, or its index where it has no file of its own. */
  sampleName(index: number): string;
  /** Where the first input of a sample lies in its picture; absent where inputs are no pictures or are taken as they lie on disk. */
  placement?(index: number): Promise<Placement>;
  /** Hex SHA-256 over everything that decides what the network sees and is scored by; independent of where the files lie. */
  sha256(): Promise<string>;
  /**
   * One tensor per input, batch axis first, in the order of `indices`. Several calls may be under way at once: a caller
   * that asks for the next batch before it works on the last one has it decoded meanwhile.
   * @throws {DatasetError} naming the file, where a sample cannot be read
   */
  read(indices: readonly number[], signal?: AbortSignal): Promise<HostTensor[]>;
  /** Stops workers and closes files. Reading afterwards is an error. */
  close(): void;
}
