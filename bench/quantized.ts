/** Networks with quantizers whose parameters mean nothing: for time and memory it does not matter what they are. */
import { FLOAT } from "../src/base/precision.ts";
import type { Graph } from "../src/graph/graph.ts";
import { inferTypes } from "../src/ops/infer.ts";
import { prepare, type Prepared } from "../src/quantize/prepare.ts";
import type { CandidateData, Session } from "../src/run/session.ts";
import { inputTypes } from "./networks.ts";

/** Places quantizers on a network that has been through the passes. */
export function placeQuantizers(graph: Graph): Prepared {
  return prepare(inferTypes(graph, inputTypes(graph, 1)));
}

/** Gives every quantizer a candidate, number 0. */
export function setAnyCandidate(session: Session, { graph, layout }: Prepared): void {
  const parameters = { scale: Float32Array.of(1 / 16), zeroPoint: Int32Array.of(0), low: -128, high: 127 };
  session.setCandidate(
    0,
    new Map(layout.quantizers.map(({ id, kind, value }): [number, CandidateData] => {
      const tensor = graph.initializers.get(value);
      if (kind === "activation" || !tensor) return [id, { parameters }];
      const units = kind === "bias" ? new Float32Array(tensor.data.length).fill(1 / 4096) : undefined;
      return [id, units ? { tensor, units } : { tensor }];
    })),
  );
}

/** All groups in float, or all in the candidate. */
export function uniform({ layout }: Prepared, isInt8: boolean): number[] {
  return layout.groups.map(() => isInt8 ? 0 : FLOAT);
}
