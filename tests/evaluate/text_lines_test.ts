import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import { characterAccuracy, decodeCtc, lineAccuracy, type TextOptions } from "../../src/evaluate/text_lines.ts";
import { evaluate, labelled } from "./samples.ts";

const CHARACTERS = ["<blank>", "a", "b", "B", " "];
const LINES = labelled({ kind: "text", values: [], characters: CHARACTERS });

function line(steps: readonly number[], label: string) {
  return { outputs: [hostTensor("int64", [steps.length], steps)], label };
}

Deno.test("decodeCtc() drops repeats, then blanks", () => {
  assert.equal(decodeCtc([0, 1, 1, 0, 1, 2, 2, 0], CHARACTERS, 0), "aab");
  assert.equal(decodeCtc([], CHARACTERS, 0), "");
  assert.equal(decodeCtc([1, 4, 2], CHARACTERS, 4), "ab");
});

Deno.test("lineAccuracy() compares without spaces and case unless told otherwise", () => {
  const samples = [line([1, 4, 3], "AB"), line([1, 2], "a b"), line([1], "ab")];
  const values = (options: TextOptions) => evaluate(lineAccuracy(options), LINES, samples).perSample;
  assert.deepEqual(values({}), [1, 1, 0]);
  assert.deepEqual(values({ countsSpaces: true }), [0, 0, 0]);
  assert.deepEqual(values({ caseSensitive: true }), [0, 1, 0]);
  assert.equal(evaluate(lineAccuracy(), LINES, samples).value, 2 / 3);
});

Deno.test("characterAccuracy() weighs lines by their length", () => {
  // One edit in two characters, none in four, three insertions too many in one.
  const samples = [line([1], "ab"), line([1, 2, 1, 2], "abab"), line([1, 2, 1, 2], "a")];
  const { perSample, value } = evaluate(characterAccuracy(), LINES, samples);
  assert.deepEqual(perSample, [1 / 2, 1, -2]);
  assert.equal(value, (1 + 4 - 2) / 7);
});

Deno.test("lineAccuracy() finds the blank from the end, and asks for the class of each step", () => {
  const blankLast = labelled({ kind: "text", values: [], characters: ["a", "b", "<blank>"] });
  assert.deepEqual(evaluate(lineAccuracy({ blank: -1 }), blankLast, [line([0, 2, 1, 2], "ab")]).perSample, [1]);
  assert.deepEqual(lineAccuracy().reduction?.({ dtype: "float32", shape: [60, 6625] }), { kind: "arg_max", axis: 1 });
});

Deno.test("lineAccuracy() refuses datasets without transcriptions or characters", () => {
  assert.throws(() => lineAccuracy().start(labelled(undefined)), /it has no transcriptions/);
  assert.throws(
    () => lineAccuracy().start(labelled({ kind: "text", values: ["a"], characters: undefined })),
    /does not say which class is which character, expected a file "characters"/,
  );
});
