import assert from "node:assert/strict";
import { noteOnFloatWork, prepareQuantizers, weighGroups } from "../../src/api/quantizer_sites.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

/** A convolution of 64 multiply-accumulates per pixel and one of a quarter of that. */
function typedNetwork() {
  const b = new GraphBuilder();
  const wide = b.node("Conv", [b.input("x", [1, 8, 4, 4]), b.constant("wide_w", [8, 8, 1, 1])], { name: "wide" });
  return b.output(b.node("Conv", [wide, b.constant("narrow_w", [2, 8, 1, 1])], { name: "narrow" })).typed();
}

function noteWithout(names: readonly string[]): string | undefined {
  const typed = typedNetwork();
  const prepared = prepareQuantizers(typed, { ignored: { scope: names } }, undefined);
  return noteOnFloatWork(weighGroups(prepared, typed), typed);
}

Deno.test("noteOnFloatWork() names the operators when most of the work cannot be in int8", () => {
  assert.equal(
    noteWithout(["wide"]),
    "Only 20.0 % of the multiply-accumulates can be in int8; in float stay Conv 80.0 %",
  );
});

Deno.test("noteOnFloatWork() has nothing to say when most of the work can be in int8", () => {
  assert.equal(noteWithout([]), undefined);
  assert.equal(noteWithout(["narrow"]), undefined);
});
