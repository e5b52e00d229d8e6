/**
 * The network as plain data.
 *
 * Invariants (checked by `check.ts`): every value name has one producer (a node, an input or an initializer); nodes
 * stand in topological order; "" marks an absent optional input or output. Graphs are never changed in place:
 * `edit.ts` returns new ones that share what did not change.
 */
import type { DType, HostTensor } from "../base/tensor.ts";
import type { Attributes } from "./attributes.ts";

/** An input or output of the network; unknown extents have a name, or "" where the file gives none. */
export interface ValueInfo {
  /** Name of the value. */
  readonly name: string;
  /** Element type. */
  readonly dtype: DType;
  /** undefined where the file states no shape at all. */
  readonly shape: readonly (number | string)[] | undefined;
  /** Set where the file does not even say that the value is a tensor, as bodies of control flow may; `dtype` then says nothing. */
  readonly isUntyped?: true;
}

/** One application of an operator. */
export interface Node {
  /** Unique within the graph; made up where the file has none. */
  readonly name: string;
  readonly type: string;
  /** "" for the ONNX domain. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** A network, or the body of a control-flow node. */
export interface Graph {
  readonly name: string;
  /** Opset of the ONNX domain. */
  readonly opset: number;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, HostTensor>;
  readonly nodes: readonly Node[];
  /** What the file says about itself, kept for export. */
  readonly metadata: GraphMetadata;
}

/** Everything of a ModelProto that does not change what the network computes. */
export interface GraphMetadata {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly domain: string;
  readonly modelVersion: number;
  readonly docString: string;
  readonly properties: ReadonlyMap<string, string>;
  /** Opsets of the other domains. */
  readonly otherOpsets: ReadonlyMap<string, number>;
}
