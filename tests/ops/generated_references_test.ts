/**
 * The references of all operators, which kernels are held to, are themselves held to ONNX Runtime over generated cases.
 * HOLDFAST_GENERATED_RUNS and HOLDFAST_GENERATED_SEED draw more cases and others.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { exportGraph } from "../../src/graph/export.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import type { OpCase } from "../../src/ops/op.ts";
import { findOperator } from "../../src/ops/registry.ts";
import { resolveNode } from "../../src/ops/resolve.ts";
import type { DrawnCase, Family } from "../support/cases/drawing.ts";
import { FAMILIES } from "../support/cases/families.ts";
import { assertClose } from "../support/compare.ts";
import { generate, graphOfCase, NEWEST_OPSET } from "../support/op_graph.ts";

const RUNS = Number(Deno.env.get("HOLDFAST_GENERATED_RUNS") ?? 3);
const SEED = Number(Deno.env.get("HOLDFAST_GENERATED_SEED") ?? 20240607);

/** What most of ONNX Runtime's kernels know. */
const OPSET = 20;

/** Both sum in single precision, each in its own order. */
const CLOSE = { relative: 2e-4, absolute: 2e-4 };

/** Where ONNX Runtime does something else than the specification's own evaluator. */
const DEVIATIONS: Readonly<Record<string, (drawn: DrawnCase) => boolean>> = {
  // With align_corners an axis of extent 1 is at -1; ONNX Runtime divides by zero.
  AffineGrid: ({ inputs, attributes }) => attributes?.["align_corners"] === 1 && [...inputs[1]!.value!].includes(1),
  // Of one axis with dilation it leaves out columns, where PyTorch's fold and the specification do not.
  Col2Im: ({ inputs, attributes }) =>
    inputs[1]!.shape[0] === 1 && (attributes?.["dilations"] as readonly number[])[0]! > 1,
  // Real inverses of another length than the spectrum suggests are not those of numpy.fft.irfft, which the specification follows.
  DFT: ({ attributes }) => attributes?.["inverse"] === 1 && attributes["onesided"] === 1,
  // It divides by a deviation of 0, to which the specification adds 1e-9.
  MeanVarianceNormalization: ({ inputs, attributes }) =>
    (attributes?.["axes"] as readonly number[]).every((axis) => inputs[0]!.shape[axis] === 1),
  // It says so itself: "the existing summation for max mode is incorrect".
  RoiAlign: ({ attributes }) => attributes?.["mode"] === "max",
};

const compared = new Set<string>();

for (const [name, family] of Object.entries(FAMILIES)) {
  if (family.domain) continue;
  for (const type of family.operators) {
    Deno.test(`${type}'s reference gives what ONNX Runtime gives over generated cases of ${name}`, async () => {
      const dtype = findOperator(type, "", NEWEST_OPSET)!.cases[0]?.inputs[0]?.dtype ?? "float32";
      const property = fc.asyncProperty(family.draw(dtype), (drawn) => compare(type, drawn));
      await fc.assert(property, { numRuns: RUNS, seed: SEED, verbose: 0 });
    });
  }
}

Deno.test("ONNX Runtime computes most of the operators that have generated cases", () => {
  const all = new Set(Object.values(FAMILIES).flatMap(({ domain, operators }: Family) => domain ? [] : operators));
  const missing = [...all].filter((type) => !compared.has(type));
  assert.ok(missing.length < 12, `not compared: ${missing.join(", ")}`);
});

async function compare(type: string, drawn: DrawnCase): Promise<void> {
  const opset = Math.max(OPSET, findOperator(type, "", NEWEST_OPSET)!.since);
  const operator = findOperator(type, "", drawn.opset ?? opset)!;
  const range = operator.cases[0]?.range;
  const one: OpCase = { name: "generated", opset, ...range ? { range } : {}, ...drawn };
  const { graph, inputs } = graphOfCase(operator, one);
  const tensors = new Map<string, HostTensor>(graph.initializers);
  [...inputs].forEach(([name, input], place) => tensors.set(name, generate(input, one.range ?? [-4, 4], 17 + place)));
  const node = graph.nodes[0]!;
  const operands = node.inputs.map((name) => name === "" ? undefined : tensors.get(name)!);
  const expected = operator.reference(operands, resolveNode(node, graph.opset).attributes).slice(0, one.outputs ?? 1);
  // It refuses many an empty tensor.
  const isEmpty = [...tensors.values(), ...expected].some(({ shape }) => shape.includes(0));
  if (isEmpty || DEVIATIONS[type]?.(drawn)) return;
  const outputs = graph.outputs.map((output, place) => ({ ...output, dtype: expected[place]!.dtype }));
  const feeds = Object.fromEntries([...inputs.keys()].map((name) => [name, ortTensor(tensors.get(name)!)]));
  const found = await runOrRefuse(encodeModel(exportGraph({ ...graph, outputs })), feeds);
  if (!found) return;
  compared.add(type);
  expected.forEach((tensor, place) => {
    const { dims, data } = found[`y${place}`]!;
    const values = Array.from(data as ArrayLike<number | bigint | boolean>, Number);
    assertClose(hostTensor(tensor.dtype, dims, values), tensor, CLOSE, `output ${place}`);
  });
}

/** Its outputs; undefined where it has no kernel for these types and attributes. */
async function runOrRefuse(model: Uint8Array, feeds: Record<string, Tensor>) {
  try {
    const options = { logSeverityLevel: 4, graphOptimizationLevel: "disabled" } as const;
    const session = await InferenceSession.create(model, options);
    try {
      return await session.run(feeds);
    } finally {
      await session.release();
    }
  } catch {
    return undefined;
  }
}

function ortTensor({ dtype, shape, data }: HostTensor): Tensor {
  const dims = [...shape];
  switch (dtype) {
    case "int64":
      return new Tensor("int64", BigInt64Array.from(data, BigInt), dims);
    case "bool":
      return new Tensor("bool", Uint8Array.from(data), dims);
    default:
      return new Tensor(dtype as "float32", data as Float32Array, dims);
  }
}
