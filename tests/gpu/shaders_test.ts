/** Every kernel that any case of any operator uses: declared names match the text, and Chrome's validator accepts it. */
import assert from "node:assert/strict";
import { create } from "webgpu";
import type { Dispatch } from "../../src/base/dispatch.ts";
import { type KernelTarget, PORTABLE_TARGET } from "../../src/base/kernel_target.ts";
import {
  bindingsOf,
  declareWritable,
  type EpilogueFlags,
  hasEpilogue,
  linkShader,
  PLAIN_EPILOGUE,
} from "../../src/gpu/link.ts";
import { uniformLayout } from "../../src/gpu/uniforms.ts";
import { chainFunction } from "../../src/ops/chain.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { OPERATORS } from "../../src/ops/registry.ts";
import { blockTiles, convTiles, matmulTiles } from "../../src/ops/tiles.ts";
import { graphOfCase } from "../support/op_graph.ts";

/** `x · scalar` and the sigmoid of that. */
const CHAIN = chainFunction([
  { formula: { kind: "vectors", expression: "a * b" }, operands: [0, { scalar: 2 }] },
  { formula: { kind: "activation", activation: { kind: "sigmoid" } }, operands: [1] },
], "store_chain")!;

/** All that the planner can fuse. */
const FULL_EPILOGUE: EpilogueFlags = {
  activation0: "clip",
  fakeQuant0: true,
  requantizes: false,
  wholeSums: false,
  hasFactors: false,
  residual: true,
  activation1: CHAIN,
  fakeQuant1: true,
};

/** Epilogues to link with: none, and all that the planner can fuse. */
function epiloguesOf(dispatch: Dispatch): EpilogueFlags[] {
  if (!hasEpilogue(dispatch)) return [PLAIN_EPILOGUE];
  const { addend, wholeSum } = dispatch;
  const hasFactors = addend === undefined;
  const ofCodes = hasFactors && wholeSum === undefined ? [] : [{ ...FULL_EPILOGUE, requantizes: true, hasFactors }];
  const ofWholes = wholeSum === undefined ? [] : [{ ...FULL_EPILOGUE, wholeSums: true, hasFactors }];
  return [PLAIN_EPILOGUE, FULL_EPILOGUE, ...ofCodes, ...ofWholes];
}

/** Kinds of adapters whose kernels need no optional feature. */
const PLAIN_TARGETS: readonly KernelTarget[] = [PORTABLE_TARGET, { isSoftware: true, lanes: 0 }];
/** Those with subgroups, of CPUs that take 4, 8 or 16 values at a time. */
const SUBGROUP_TARGETS: readonly KernelTarget[] = [4, 8, 16].map((lanes) => ({ isSoftware: true, lanes }));

/** Shaders whose text is made for a tile. */
const TILED = new Set(["matmul", "conv", "conv_transpose", "sliding_block"]);

/** More than the tiles that any shape offers. */
const MOST_TILES = 8;

/** The target with the default tiles, and with each of the others that tuning may choose. */
function tuned(target: KernelTarget): KernelTarget[] {
  return Array.from({ length: MOST_TILES }, (_, place) => ({
    ...target,
    tiles: {
      matmul: (shape) => matmulTiles(shape, target)[place],
      conv: (shape) => convTiles(shape, target)[place],
      block: (shape) => blockTiles(shape, target)[place],
    },
  }));
}

/** Dispatches of all cases, with the case that they come from. */
function allDispatches(target: KernelTarget = PORTABLE_TARGET): { address: string; dispatch: Dispatch }[] {
  return OPERATORS.flatMap((operator) =>
    operator.cases.flatMap((one) => {
      const { graph, inputs } = graphOfCase(operator, one);
      const { nodes, types } = inferTypes(graph, inputs);
      const { node, attributes } = nodes[0]!;
      const operands = node.inputs.map((name) => name === "" ? undefined : types.get(name));
      const outputs = node.outputs.map((name) => types.get(name)!);
      if (outputs.every((output) => output.value)) return [];
      return operator.lower(operands, outputs, attributes, target).dispatches.map((dispatch) => ({
        address: `${operator.type} ${one.name}`,
        dispatch,
      }));
    })
  );
}

const dispatches = allDispatches();

/** Held for as long as the process lives: Dawn crashes when its instance is collected before its devices. */
const dawn = create(["backend=null"]);

Deno.test("shaders declare their uniforms in the order of struct Params", () => {
  for (const { address, dispatch } of dispatches) {
    const { fields } = uniformLayout(dispatch.shader.code);
    assert.deepEqual([...dispatch.shader.uniforms], fields.map((field) => field.name), address);
  }
});

Deno.test("shaders declare one binding for each tensor, and none beyond what every adapter has", () => {
  for (const { address, dispatch } of dispatches) {
    const { shader, functions = "" } = dispatch;
    const own = bindingsOf(`${shader.code}\n${functions}`).filter((binding) => binding.group === 0);
    assert.deepEqual(own.map((binding) => binding.binding), dispatch.bindings.map((_, place) => place), address);
    const bindings = bindingsOf(linkShader(dispatch, FULL_EPILOGUE));
    assert.ok(bindings.filter((binding) => binding.type !== "uniform").length <= 8, `${address} has too many buffers`);
  }
});

/** Kernels that Dawn refuses under default limits, and how many it was shown. */
async function validate(
  dispatches: Iterable<{ address: string; dispatch: Dispatch }>,
  features: readonly GPUFeatureName[] = [],
): Promise<{ count: number; refused: string[] }> {
  const adapter = await dawn.requestAdapter();
  assert.ok(adapter, "Dawn has its null backend");
  const device = await adapter.requestDevice({ requiredFeatures: [...features] });
  const enabled = features.map((feature) => `enable ${feature};\n`).join("");
  const seen = new Set<string>();
  const refused: string[] = [];
  for (const { address, dispatch } of dispatches) {
    for (const flags of epiloguesOf(dispatch)) {
      const linked = linkShader(dispatch, flags);
      // Steps that share a buffer with what they read declare that writable.
      for (const code of [linked, declareWritable(linked, () => true)]) {
        if (seen.has(code)) continue;
        seen.add(code);
        device.pushErrorScope("validation");
        const module = device.createShaderModule({ code: enabled + code });
        device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
        const error = await device.popErrorScope();
        if (error) refused.push(`${address} (${dispatch.shader.name}): ${error.message}`);
      }
    }
  }
  return { count: seen.size, refused };
}

Deno.test("shaders pass the validation of Dawn under default limits", async () => {
  const { count, refused } = await validate(dispatches);
  assert.ok(count > 50, `only ${count} kernels were seen`);
  assert.deepEqual(refused, []);
});

Deno.test("shaders pass the validation of Dawn with all tiles that tuning may choose", async () => {
  const { count, refused } = await validate(PLAIN_TARGETS.flatMap(tuned).flatMap(heavyDispatches));
  assert.ok(count > 50, `only ${count} kernels were seen`);
  assert.deepEqual(refused, []);
});

Deno.test("shaders that share operands in subgroups pass the validation of Dawn with all tiles", async () => {
  const { count, refused } = await validate(SUBGROUP_TARGETS.flatMap(tuned).flatMap(heavyDispatches), ["subgroups"]);
  assert.ok(count > 50, `only ${count} kernels were seen`);
  assert.deepEqual(refused, []);
});

/** Dispatches of the kernels that come in tiles: the others are the same for all targets. */
function heavyDispatches(target: KernelTarget): { address: string; dispatch: Dispatch }[] {
  return allDispatches(target).filter(({ dispatch }) => TILED.has(dispatch.shader.name));
}
