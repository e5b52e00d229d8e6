/** The order in which reductions add: eight sums side by side, of every eighth element, then halves of them. */
import assert from "node:assert/strict";
import { createRandom } from "../../src/base/random.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { Session } from "../../src/run/session.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

const add = (a: number, b: number) => Math.fround(a + b);

/** The sum of float32 numbers; what is left of whole rounds of eight comes last. */
function sumSideBySide(values: readonly number[]): number {
  const whole = values.length - values.length % 8;
  const sums = new Array<number>(8).fill(0);
  values.slice(0, whole).forEach((value, place) => sums[place % 8] = add(sums[place % 8]!, value));
  const [a, b, c, d] = [0, 1, 2, 3].map((place) => add(sums[place]!, sums[place + 4]!)) as [
    number,
    number,
    number,
    number,
  ];
  return values.slice(whole).reduce(add, add(add(a, c), add(b, d)));
}

// With few rows eight invocations share a row: a sum each.
for (const [rows, length] of [[1500, 512], [1500, 203], [5, 512], [5, 203]] as const) {
  Deno.test({
    name: `ReduceSum adds ${rows} rows of ${length} side by side`,
    ignore: !gpu,
    async fn() {
      const random = createRandom(5);
      const x = Float32Array.from({ length: rows * length }, () => random() - 0.5);
      const builder = new GraphBuilder(13);
      builder.constant("axes", [1], [1], "int64");
      builder.output(
        builder.node("ReduceSum", [builder.input("x", [rows, length]), "axes"], { attributes: { keepdims: 0 } }),
      );
      using session = await Session.create(
        gpu!,
        pipelines!,
        buildPlan(builder.typed(), [], { target: gpu!.kernelTarget }),
      );
      session.writeInput("x", hostTensor("float32", [rows, length], x));
      session.run();
      const [output] = await session.read();
      const groups = Array.from({ length: rows }, (_, row) => [...x.slice(row * length, (row + 1) * length)]);
      assert.deepEqual(Array.from(output!.data), groups.map(sumSideBySide));
    },
  });
}
