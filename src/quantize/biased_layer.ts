/** What correcting biases and giving them codes need to know of a layer. */
import type { Node } from "../graph/graph.ts";
import type { Quantizer } from "../graph/quantizer.ts";

/** A layer with a bias quantizer. */
export interface Layer {
  readonly bias: Quantizer;
  /** The node with weights; the bias may be added by another behind it. */
  readonly node: Node;
  readonly weight: Quantizer;
  readonly input: Quantizer;
  /** Whether the bias becomes int32; one behind a MatMul stays float. */
  readonly hasCodes: boolean;
  /** The value after the bias. */
  readonly output: string;
}
