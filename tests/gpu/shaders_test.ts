/** Every kernel that any case of any operator uses: declared names match the text, and Chrome's validator accepts it. */
import assert from "node:assert/strict";
import { create } from "webgpu";
import type { Dispatch } from "../../src/base/dispatch.ts";
import { PORTABLE_TARGET } from "../../src/base/kernel_target.ts";
import {
  bindingsOf,
  declareWritable,
  type EpilogueFlags,
  hasEpilogue,
  linkShader,
  PLAIN_EPILOGUE,
} from "../../src/gpu/link.ts";
import { uniformLayout } from "../../src/gpu/uniforms.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { OPERATORS } from "../../src/ops/registry.ts";
import { graphOfCase } from "../support/op_graph.ts";

/** Epilogues to link with: none, and all that the planner can fuse. */
const EPILOGUES: readonly EpilogueFlags[] = [
  PLAIN_EPILOGUE,
  { activation0: "clip", fakeQuant0: true, residual: true, activation1: "relu", fakeQuant1: true },
];

/** Dispatches of all cases, with the case that they come from. */
function allDispatches(): { address: string; dispatch: Dispatch }[] {
  return OPERATORS.flatMap((operator) =>
    operator.cases.flatMap((one) => {
      const { graph, inputs } = graphOfCase(operator, one);
      const { nodes, types } = inferTypes(graph, inputs);
      const { node, attributes } = nodes[0]!;
      const operands = node.inputs.map((name) => name === "" ? undefined : types.get(name));
      const outputs = node.outputs.map((name) => types.get(name)!);
      if (outputs.every((output) => output.value)) return [];
      return operator.lower(operands, outputs, attributes, PORTABLE_TARGET).dispatches.map((dispatch) => ({
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
    const bindings = bindingsOf(linkShader(dispatch, EPILOGUES[1]));
    assert.ok(bindings.filter((binding) => binding.type !== "uniform").length <= 8, `${address} has too many buffers`);
  }
});

Deno.test("shaders pass the validation of Dawn under default limits", async () => {
  const adapter = await dawn.requestAdapter();
  assert.ok(adapter, "Dawn has its null backend");
  const device = await adapter.requestDevice();
  const seen = new Set<string>();
  const refused: string[] = [];
  for (const { address, dispatch } of dispatches) {
    for (const flags of hasEpilogue(dispatch) ? EPILOGUES : [PLAIN_EPILOGUE]) {
      const linked = linkShader(dispatch, flags);
      // Steps that share a buffer with what they read declare that writable.
      for (const code of [linked, declareWritable(linked, () => true)]) {
        if (seen.has(code)) continue;
        seen.add(code);
        device.pushErrorScope("validation");
        const module = device.createShaderModule({ code });
        device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
        const error = await device.popErrorScope();
        if (error) refused.push(`${address} (${dispatch.shader.name}): ${error.message}`);
      }
    }
  }
  assert.ok(seen.size > 50, `only ${seen.size} kernels were seen`);
  assert.deepEqual(refused, []);
});
