import assert from "node:assert/strict";
import { EqualCandidates } from "../../src/api/equal_candidates.ts";
import { FLOAT } from "../../src/base/precision.ts";
import type { Candidate } from "../../src/quantize/candidate.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { HostStatistics } from "../fixtures/host_statistics.ts";
import { chainOfConvolutions, drawSamples } from "../fixtures/networks.ts";

const prepared = prepare(chainOfConvolutions().typed());
const { groups, quantizers } = prepared.layout;
const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 5));
const [first, again] = [await calibrate(prepared, source), await calibrate(prepared, source)];

/** The candidate with one number of one quantizer's data changed. */
function changed(candidate: Candidate, id: number, field: "scale" | "zeroPoint" | "tensor"): Candidate {
  if (field === "tensor") {
    const tensor = candidate.tensors.get(id)!;
    const data = tensor.data.slice();
    data[data.length - 1]! += 1;
    return { ...candidate, tensors: new Map([...candidate.tensors, [id, { ...tensor, data } as typeof tensor]]) };
  }
  const parameters = candidate.parameters.get(id)!;
  const values = parameters[field].slice();
  values[0]! += 1;
  return { ...candidate, parameters: new Map([...candidate.parameters, [id, { ...parameters, [field]: values }]]) };
}

Deno.test("EqualCandidates.canonical() puts groups on the first candidate with the same data", () => {
  const equal = new EqualCandidates(prepared, [first, again, again]);
  assert.ok(groups.length > 1);
  assert.deepEqual(equal.canonical(groups.map((_, index) => index % 3)), groups.map(() => 0));
  assert.deepEqual(equal.canonical(groups.map((_, index) => index === 0 ? FLOAT : 2)), [
    FLOAT,
    ...groups.slice(1).map(() => 0),
  ]);
});

Deno.test("EqualCandidates.canonical() keeps a group where any number of its data differs, and that group alone", () => {
  for (const { id, kind, group } of quantizers) {
    for (const field of kind === "activation" ? ["scale", "zeroPoint"] as const : ["tensor"] as const) {
      const equal = new EqualCandidates(prepared, [first, changed(first, id, field), changed(again, id, field)]);
      const expected = groups.map((_, index) => index === group ? 1 : 0);
      for (const candidate of [1, 2]) {
        assert.deepEqual(equal.canonical(groups.map(() => candidate)), expected, `${kind} ${field} of ${group}`);
      }
    }
  }
});

Deno.test("EqualCandidates.canonical() tells data from none, and takes candidates that come later", () => {
  const weights = new Map([...first.tensors].filter(([id]) => quantizers[id]!.kind === "weight"));
  const candidates = [first];
  const equal = new EqualCandidates(prepared, candidates);
  assert.deepEqual(equal.canonical(groups.map(() => 0)), groups.map(() => 0));
  candidates.push({ ...first, parameters: new Map(), tensors: weights }, again);
  assert.deepEqual(equal.canonical(groups.map(() => 1)), groups.map(() => 1));
  assert.deepEqual(equal.canonical(groups.map(() => 2)), groups.map(() => 0));
});
