/** The passes that every network goes through before it is quantized or planned. All preserve what it computes. */
import { inferTypes, type TypedGraph } from "../ops/infer.ts";
import type { TensorType } from "../base/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { removeDeadNodes } from "../graph/edit.ts";
import { foldBatchNorm } from "./fold_batch_norm.ts";
import { foldConstants } from "./fold_constants.ts";
import { removeIdentity } from "./remove_identity.ts";

/** Runs the passes in order; `inputs` are types with which the network is valid, needed to know what is constant. */
export function runPasses(graph: Graph, inputs: ReadonlyMap<string, TensorType>): Graph {
  let result = removeDeadNodes(graph);
  result = removeIdentity(result);
  result = foldConstants(inferTypes(result, inputs));
  result = foldBatchNorm(result);
  return removeDeadNodes(result);
}

export type { TypedGraph };
