/** ONNX files: read, inspected, planned, and run on the GPU. */
import { join } from "node:path";
import { inspectModel, loadModel, type Model, Runner, Runtime } from "../../../mod.ts";
import { planFor } from "../../../src/api/bound_plan.ts";
import { elementCount, type HostTensor, hostTensor } from "../../../src/base/tensor.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { onnx } from "../../../src/onnx/proto.ts";
import { OPERATORS } from "../../../src/ops/registry.ts";
import { runPasses } from "../../../src/passes/run_passes.ts";
import { widenFloats } from "../../../src/passes/widen_floats.ts";
import { classifier, fileOf } from "../../fixtures/classifier.ts";
import { detector } from "../../fixtures/detector.ts";
import { concatNetwork, residualNetwork } from "../../fixtures/networks.ts";
import { generate, graphOfCase } from "../../support/op_graph.ts";
import type { Draw } from "../draw.ts";
import { complaintAbout, complaintAboutText } from "../judge.ts";
import { type Kind, plainKind, type Target } from "../kind.ts";
import { damageModel } from "../mutate_model.ts";

const NETWORKS: readonly Graph[] = [classifier(), residualNetwork().build(), concatNetwork().build(), detector()];
const PUBLIC_OPERATORS = OPERATORS.filter(({ domain = "", cases }) => domain === "" && cases.length > 0);

const FLOATS = { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2 }] } } };

/** A model that defines functions, one of which calls the other. */
const WITH_FUNCTIONS = onnx.ModelProto.encode(
  {
    irVersion: 8,
    opsetImport: [{ version: 17 }, { domain: "own", version: 1 }],
    graph: {
      input: [{ name: "x", type: FLOATS }],
      output: [{ name: "y", type: FLOATS }],
      node: [{ domain: "own", opType: "Outer", input: ["x"], output: ["y"], attribute: [] }],
    },
    functions: [
      {
        domain: "own",
        name: "Outer",
        input: ["a"],
        output: ["b"],
        opsetImport: [{ version: 17 }],
        node: [
          { domain: "own", opType: "Inner", input: ["a", "a"], output: ["c"] },
          { domain: "own", opType: "Inner", input: ["c", "a"], output: ["b"] },
        ],
      },
      {
        domain: "own",
        name: "Inner",
        input: ["a", "b"],
        output: ["c"],
        opsetImport: [{ version: 17 }],
        node: [{ opType: "Add", input: ["a", "b"], output: ["c"] }],
      },
    ],
  } as Parameters<typeof onnx.ModelProto.encode>[0],
).finish();

/** Elements of inputs that a mutant is run with. */
const MOST_ELEMENTS = 1 << 16;

/** A network of the fixtures, or a single node of any operator. */
function anyModel(draw: Draw): Uint8Array {
  if (draw.chance(0.05)) return WITH_FUNCTIONS;
  if (draw.chance(0.4)) return fileOf(draw.of(NETWORKS));
  const operator = draw.of(PUBLIC_OPERATORS);
  const { graph, inputs } = graphOfCase(operator, draw.of(operator.cases));
  // Half of the inputs as constants, so that the host computes.
  const constants = [...inputs].filter(() => draw.chance(0.3)).map(([name, type]) =>
    [name, generate(type, [-4, 4], draw.seed())] as const
  );
  return fileOf({
    ...graph,
    inputs: graph.inputs.filter(({ name }) => !constants.some(([other]) => other === name)),
    initializers: new Map([...graph.initializers, ...constants]),
  });
}

/** Contents for the inputs of a damaged model; undefined where they would be too many. */
function inputsFor({ graph }: Model, draw: Draw): Map<string, HostTensor> | undefined {
  const inputs = new Map<string, HostTensor>();
  for (const { name, dtype, shape } of graph.inputs) {
    const extents = (shape ?? []).map((extent) => typeof extent === "number" ? extent : 2);
    if (!(elementCount(extents) <= MOST_ELEMENTS) || extents.some((extent) => extent < 0)) return undefined;
    inputs.set(name, generate({ dtype, shape: extents }, [-4, 4], draw.seed()));
  }
  return inputs;
}

/** Models as bytes, inspected and planned. */
export const modelKind: Kind = plainKind("model", async (draw) => {
  try {
    const model = await loadModel(damageModel(anyModel(draw), draw));
    const { problem } = inspectModel(model);
    const complaint = problem === undefined || problem.startsWith("Input ") ? undefined : complaintAboutText(problem);
    if (complaint !== undefined) return complaint;
    const inputs = inputsFor(model, draw);
    if (inputs) planFor(widenFloats(model.graph), inputs, { optimize: runPasses });
  } catch (error) {
    return complaintAbout(error);
  }
});

/** Models in a folder with files beside them. */
export const externalKind: Kind = {
  name: "external",
  needsGpu: false,
  async open(): Promise<Target> {
    const root = await Deno.makeTempDir({ prefix: "holdfast-fuzz-" });
    const folder = join(root, "model");
    await Deno.mkdir(folder);
    await Deno.writeFile(join(root, "w.bin"), new Uint8Array(4096));
    await Deno.writeFile(join(folder, "w.bin"), new Uint8Array(4096));
    await Deno.symlink("../w.bin", join(folder, "link.bin"));
    const path = join(folder, "model.onnx");
    return {
      async run(draw) {
        await Deno.writeFile(path, damageModel(fileOf(draw.of(NETWORKS)), draw));
        try {
          inspectModel(await loadModel(path));
        } catch (error) {
          return complaintAbout(error);
        }
      },
      [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
    };
  },
};

/** Models that are run: what the GPU's layer does not survive ends the process. */
export const runKind: Kind = {
  name: "run",
  needsGpu: true,
  async open(): Promise<Target> {
    let runtime = await Runtime.open();
    return {
      async run(draw) {
        try {
          const model = await loadModel(damageModel(anyModel(draw), draw));
          const inputs = inputsFor(model, draw);
          if (!inputs) return;
          using runner = new Runner(runtime, model);
          await runner.run(Object.fromEntries([...inputs].map(([name, { dtype, shape, data }]) => [
            name,
            hostTensor(dtype, shape, data),
          ])));
        } catch (error) {
          return complaintAbout(error);
        } finally {
          try {
            runtime.gpu.check();
          } catch {
            runtime[Symbol.dispose]();
            runtime = await Runtime.open();
          }
        }
      },
      [Symbol.asyncDispose]() {
        runtime[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  },
};
