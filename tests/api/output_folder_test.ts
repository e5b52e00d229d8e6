import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputFolder } from "../../src/api/output_folder.ts";
import { withFolder } from "../data/fixtures.ts";

Deno.test("OutputFolder.open() makes the folder and leaves nothing in it", () =>
  withFolder({}, async (folder) => {
    const path = join(folder, "a", "b");
    await OutputFolder.open(path);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(path)), []);
  }));

Deno.test("OutputFolder.open() refuses a path below a file, and a file", () =>
  withFolder({ "file": "x" }, async (folder) => {
    const expected = /Cannot write to folder ".*": a part of the path is a file$/;
    await assert.rejects(OutputFolder.open(join(folder, "file", "out")), expected);
    await assert.rejects(OutputFolder.open(join(folder, "file")), expected);
  }));

Deno.test("OutputFolder.write() replaces a file whole or not at all", () =>
  withFolder({ "out/report.json": "before", "out/model.onnx/in_the_way": "x" }, async (folder) => {
    const output = await OutputFolder.open(join(folder, "out"));
    await output.write("report.json", "after");
    assert.equal(await Deno.readTextFile(join(folder, "out", "report.json")), "after");
    await assert.rejects(output.write("model.onnx", Uint8Array.of(1)), /Cannot write ".*model\.onnx": /);
    const names = (await Array.fromAsync(Deno.readDir(join(folder, "out")))).map(({ name }) => name).sort();
    assert.deepEqual(names, ["model.onnx", "report.json"]);
  }));

Deno.test("OutputFolder.open() removes what a killed process left half written, and nothing else", () => {
  const id = "12345678-9abc-4def-8123-456789abcdef";
  const old = [`model.onnx.${id}.partial`, `.holdfast-${id}`];
  const kept = ["journal.jsonl", "my.partial", `notes-${id}.txt`, `report.json.${id.replace("12", "34")}.partial`];
  const files = Object.fromEntries([...old, ...kept].map((name) => [`out/${name}`, "x"]));
  return withFolder(files, async (folder) => {
    const out = join(folder, "out");
    const hourAgo = new Date(Date.now() - 3_600_000);
    for (const name of [...old, ...kept.slice(0, 3)]) await Deno.utime(join(out, name), hourAgo, hourAgo);
    await OutputFolder.open(out);
    const names = (await Array.fromAsync(Deno.readDir(out))).map(({ name }) => name).sort();
    assert.deepEqual(names, [...kept].sort());
  });
});

Deno.test("OutputFolder.write() makes a folder again that was removed meanwhile", () =>
  withFolder({}, async (folder) => {
    const output = await OutputFolder.open(join(folder, "out"));
    await Deno.remove(output.path);
    await output.write("report.json", "{}");
    assert.equal(await Deno.readTextFile(join(output.path, "report.json")), "{}");
  }));
