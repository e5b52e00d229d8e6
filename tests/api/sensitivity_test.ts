import assert from "node:assert/strict";
import { encodeSensitivityCsv, holdsOf, parseHolds } from "../../src/api/sensitivity.ts";

const groups = ["conv1", "conv2", "linear"].map((name) => ({ name }));

Deno.test("parseHolds() reads what people wrote into a table, with comments and trailing commas", () => {
  const text = `{ "keep_float": ["conv1",], // costs too much
    "keep_int8": ["linear"], "groups": [] }`;
  assert.deepEqual(parseHolds(text, "s.json"), { keepFloat: ["conv1"], keepInt8: ["linear"] });
  assert.deepEqual(parseHolds('{"groups": []}', "s.json"), { keepFloat: [], keepInt8: [] });
});

Deno.test("parseHolds() says what is wrong with a file", () => {
  const refuse = (text: string, message: RegExp) =>
    assert.throws(() => parseHolds(text, "s.json"), { name: "UsageError", message });
  refuse('{\n"groups" []}', /^Cannot read s\.json: \w+ in line 2$/);
  refuse("{}", /^Cannot use s\.json: it has no list "groups"/);
  refuse(
    '{"groups": [], "keep_float": "conv1"}',
    /^Cannot use keep_float of s\.json: "conv1", expected a list of names/,
  );
  refuse('{"groups": [], "keep_float": ["a"], "keep_int8": ["a"]}', /"a" is in keep_float and in keep_int8$/);
});

Deno.test("holdsOf() gives every group what is prescribed for it", () => {
  assert.deepEqual(holdsOf(groups, { keepFloat: ["linear"], keepInt8: ["conv1"] }), ["int8", undefined, "float"]);
  assert.throws(() => holdsOf(groups, { keepFloat: [], keepInt8: ["conv3"] }), { name: "UsageError" });
});

Deno.test("encodeSensitivityCsv() quotes what commas and quotes would break", () => {
  const row = { rank: 1, group: 'a,"b"', nodes: ["a", "c"], score: 0.5, gain: null, macs: 0.25 };
  assert.equal(encodeSensitivityCsv([row]), 'rank,group,nodes,score,gain,macs\n1,"a,""b""",a c,0.5,,0.25\n');
});
