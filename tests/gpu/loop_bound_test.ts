/** Bounds of loops: derived right from small kernels, and never below what any operator's kernels run. */
import assert from "node:assert/strict";
import { dispatch, type Shader } from "../../src/base/dispatch.ts";
import { PORTABLE_TARGET } from "../../src/base/kernel_target.ts";
import { LOOP_CAP, loopBound } from "../../src/gpu/loop_bound.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import type { OpCase, OpDef } from "../../src/ops/op.ts";
import { OPERATORS } from "../../src/ops/registry.ts";
import { buildPlan } from "../../src/plan/build.ts";
import type { Plan, Step } from "../../src/plan/plan.ts";
import { openTestGpu } from "../support/adapter.ts";
import { generate, graphOfCase } from "../support/op_graph.ts";
import { CaseRunner } from "../support/run_case.ts";

const gpu = await openTestGpu();

/** The bound of a kernel of 3 × 64 invocations with `N` = 5 and these uniforms. */
function boundOf(body: string, uniforms: Record<string, number | number[]> = {}, functions = ""): number {
  const code = `${functions}
    @compute @workgroup_size(WORKGROUP_SIZE)
    fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) { ${body} }`;
  const shader: Shader = { name: "test", code, constants: ["WORKGROUP_SIZE", "N"], uniforms: Object.keys(uniforms) };
  const constants = { WORKGROUP_SIZE: 64, N: 5 };
  return loopBound(dispatch(shader, { bindings: [], constants, uniforms, workgroups: [3, 1, 1] }));
}

const KERNELS: readonly [string, string, number, Record<string, number | number[]>?, string?][] = [
  ["a uniform", "for (var k = 0u; k < params.n; k++) { sum += k; }", 101, { n: 100 }],
  ["steps of four", "for (var k = 0u; k < params.n; k += 4u) { sum += k; }", 26, { n: 98 }],
  ["the end included", "for (var k = 0u; k <= params.n; k++) { sum += k; }", 102, { n: 100 }],
  ["counting down", "for (var k = params.n; k > 0u; k--) { sum += k; }", 101, { n: 100 }],
  ["halving", "for (var w = params.n; w > 0u; w /= 2u) { sum += w; }", 8, { n: 64 }],
  ["few constant trips, unrolled", "for (var k = 0; k < N; k++) { sum += k; }", 0],
  [
    "nested loops",
    "for (var y = 0u; y < params.n; y++) { for (var x = 0u; x < params.m; x++) { sum += x; } }",
    11 + 10 * 21,
    { n: 10, m: 20 },
  ],
  [
    "a slice from a place that depends on the invocation",
    "let first = id.x * params.span; let end = min(first + params.span, params.n); for (var k = first; k < end; k++) {}",
    31,
    { span: 30, n: 100_000 },
  ],
  [
    "a slice by multiples",
    "let chunk = id.x / 7u; let end = min(params.n, (chunk + 1u) * params.c); for (var k = chunk * params.c; k < end; k++) {}",
    31,
    { c: 30, n: 100_000 },
  ],
  ["lanes that share a reduction", "for (var k = id.x; k < params.n; k += groups.x * 64u) {}", 53, { n: 9_900 }],
  [
    "a triangle",
    "for (var i = 0u; i < params.n; i++) { for (var k = i; k < params.n; k++) { sum += k; } }",
    101 + 5050 + 100,
    { n: 100 },
  ],
  ["a component of a vector", "for (var k = 0u; k < params.size.y; k++) {}", 8, { size: [100, 7, 50, 1] }],
  ["a vector of an array", "for (var k = 0u; k < params.sizes[1].x; k++) {}", 6, { sizes: [9, 9, 9, 9, 5, 8, 8, 8] }],
  [
    "functions that loop",
    "for (var k = 0u; k < params.n; k++) { inner(k, params.m); }",
    11 + 10 * 4,
    { n: 10, m: 3 },
    "fn inner(k: u32, most: u32) { for (var i = 0u; i < most; i++) { sum += k; } }",
  ],
  [
    "a limit that a function gives",
    "for (var k = 0u; k < limit(params.n); k++) {}",
    13,
    { n: 5 },
    "fn limit(n: u32) -> u32 { if (N == 4) { return 1000u; } return n * 2u + 2u; }",
  ],
  ["a branch that constants rule out", "if (N > 5) { for (var k = 0u; k < params.n; k++) {} }", 0, { n: 100 }],
  ["a while", "var k = 0u; while (k < params.n && sum < 7u) { k++; }", 101, { n: 100 }],
  ["a variable set in a branch", "var a = 2u; if (id.x > 3u) { a = 9u; } for (var k = a; k < params.n; k++) {}", 99, {
    n: 100,
  }],
  ["data", "for (var k = 0u; k < x[id.x]; k++) {}", Infinity],
  ["data that is capped", "for (var k = 0u; k < min(x[id.x], params.n); k++) {}", 101, { n: 100 }],
  ["a variable changed within", "for (var k = 0u; k < params.n; k++) { if (x[k] > 0u) { k--; } }", Infinity, {
    n: 100,
  }],
  ["an end that moves", "var end = 5u; for (var k = 0u; k < end; k++) { end += x[k]; }", Infinity],
  ["no step", "for (var k = 0u; k < params.n;) { sum += 1u; }", Infinity, { n: 100 }],
];

for (const [what, body, expected, uniforms, functions] of KERNELS) {
  Deno.test(`loopBound() is ${expected} for ${what}`, () => {
    assert.equal(boundOf(body, uniforms, functions), expected);
  });
}

/** A kernel whose loops end after `fuel` iterations together, whatever is left to do. */
function fuelled(step: Step, fuel: number): Step {
  const { shader, functions } = step.dispatch;
  const code = `var<private> fuel: u32 = ${fuel}u;\n${withFuel(shader.code)}`;
  return {
    ...step,
    dispatch: {
      ...step.dispatch,
      shader: { ...shader, code },
      ...(functions ? { functions: withFuel(functions) } : {}),
    },
  };
}

/** Puts a toll on each turn of each loop. */
function withFuel(code: string): string {
  return code.replaceAll(/\b(?:for|while) \(.*\) \{/g, (head) => `${head} if (fuel == 0u) { break; } fuel--;`);
}

function withBounds(plan: Plan): Plan {
  const limited = (step: Step) => fuelled(step, loopBound(step.dispatch, 0));
  return { ...plan, prepare: plan.prepare.map(limited), steps: plan.steps.map(limited) };
}

/** Of each kernel the case that loops most. */
function heaviestCases(): { operator: OpDef; one: OpCase; kernel: string }[] {
  const heaviest = new Map<string, { operator: OpDef; one: OpCase; bound: number }>();
  for (const operator of OPERATORS) {
    for (const one of operator.cases) {
      const { graph, inputs } = graphOfCase(operator, one);
      const { prepare, steps } = buildPlan(inferTypes(graph, inputs), [], { target: PORTABLE_TARGET });
      for (const { dispatch } of [...prepare, ...steps]) {
        const bound = loopBound(dispatch, 0);
        assert.ok(
          bound <= LOOP_CAP,
          `${operator.type} ${one.name}: ${dispatch.shader.name} may run ${bound} iterations`,
        );
        if (bound > (heaviest.get(dispatch.shader.name)?.bound ?? 0)) {
          heaviest.set(dispatch.shader.name, { operator, one, bound });
        }
      }
    }
  }
  return [...heaviest].map(([kernel, { operator, one }]) => ({ operator, one, kernel }));
}

const runner = gpu && new CaseRunner(gpu, generate, withBounds);

for (const { operator, one, kernel } of heaviestCases()) {
  Deno.test({
    name: `${kernel} stays within the bound of its loops: ${operator.type} ${one.name}`,
    ignore: !runner,
    fn: () => runner!.checkFloat(operator, one),
  });
}
