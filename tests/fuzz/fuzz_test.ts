/** A short run of every kind of mutants, the same every time; `deno task fuzz` runs as many as one likes. */
import assert from "node:assert/strict";
import { openTestGpu } from "../support/adapter.ts";
import { complaintAbout, complaintAboutText } from "./judge.ts";
import { type Finding, KINDS, runMutants } from "./fuzz.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});

/** Mutants of each kind. */
const RUNS: Readonly<Record<string, number>> = { model: 300, run: 40, command: 20 };

for (const kind of KINDS) {
  Deno.test({
    name: `damaged input of kind ${kind.name} is refused in a line or taken as it should be`,
    ignore: kind.needsGpu && !hasAdapter,
    async fn() {
      const found: Finding[] = [];
      const to = RUNS[kind.name] ?? 150;
      const stopped = await runMutants(kind, { seed: 1, from: 0, to, deadline: Infinity }, {
        onFinding: (finding) => found.push(finding),
      });
      assert.equal(stopped, to);
      const how = `repeat: deno task fuzz --kind ${kind.name} --seed 1 --runs 1 --from`;
      assert.deepEqual(found.map(({ index, complaint }) => `${how} ${index}: ${complaint}`), []);
    },
  });
}

Deno.test("complaintAbout() takes the project's own words and nothing else", () => {
  assert.equal(complaintAboutText('Cannot read model "x.onnx": no such file'), undefined);
  assert.equal(complaintAbout(new Error('Cannot write "x": no permission')), undefined);
  for (
    const message of ["Cannot read properties of undefined (reading 'x')", "oops", "Cannot use x: [object Object]"]
  ) {
    assert.ok(complaintAboutText(message));
  }
  assert.ok(complaintAbout(new TypeError("Cannot feed network: x")));
  assert.ok(complaintAbout(new RangeError("Invalid array length")));
});
