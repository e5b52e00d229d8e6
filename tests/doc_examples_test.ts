/** The examples in the library's documentation run, and every public function has one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { classifier, fileOf, labelledSamples } from "./fixtures/classifier.ts";
import { openTestGpu } from "./support/adapter.ts";
import { runCli } from "./support/command_line.ts";

const gpu = await openTestGpu();
const hasAdapter = gpu !== undefined;
gpu?.destroy();

const ROOT = new URL("../", import.meta.url).pathname;

/** The part of `deno doc --json` that is read here. */
interface Declaration {
  readonly kind: string;
  readonly location: { readonly filename: string };
  readonly jsDoc?: { readonly doc?: string; readonly tags?: readonly { readonly kind: string }[] };
}

interface Documentation {
  readonly nodes: Readonly<
    Record<string, { readonly symbols: readonly { readonly name: string; readonly declarations: Declaration[] }[] }>
  >;
}

async function deno(args: readonly string[], cwd = ROOT): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args], cwd }).output();
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stdout) + decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** What mod.ts exports beside types, and errors, which are caught and not called. */
async function publicFunctions() {
  const { nodes } = JSON.parse(await deno(["doc", "--json", "mod.ts"])) as Documentation;
  return Object.values(nodes).flatMap(({ symbols }) => symbols).flatMap(({ name, declarations }) =>
    declarations.filter(({ kind, jsDoc }) =>
      (kind === "function" || kind === "class") && !name.endsWith("Error") &&
      !jsDoc?.tags?.some((tag) => tag.kind === "internal")
    ).map(({ location, jsDoc }) => ({ name, file: location.filename, doc: jsDoc?.doc ?? "" }))
  );
}

Deno.test("every public function and class has an example", async () => {
  const functions = await publicFunctions();
  assert.ok(functions.length > 50, `${functions.length} functions`);
  assert.deepEqual(functions.filter(({ doc }) => !doc.includes("```ts")).map(({ name }) => name), []);
});

Deno.test({
  name: "examples in the documentation run on the files that they speak of",
  ignore: !hasAdapter,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeFile(join(folder, "model.onnx"), fileOf(classifier()));
      await Deno.mkdir(join(folder, "validation"));
      for (const [name, bytes] of Object.entries(labelledSamples(24))) {
        await Deno.writeFile(join(folder, "validation", name), bytes);
      }
      const [model, data, out] = ["model.onnx", "validation", "out"].map((name) => join(folder, name));
      const { code, err } = await runCli(["quantize", model!, "--dataset", data!, "--output", out!]);
      assert.ok(code === 0 || code === 3, err);
      await Deno.rename(join(folder, "out", "model.onnx"), join(folder, "model.int8.onnx"));
      const files = new Set((await publicFunctions()).map(({ file }) => new URL(file).pathname));
      const run = ["test", "-A", "--doc", "--quiet", "--config", join(ROOT, "deno.json"), ...files];
      const passed = /(\d+) passed \| 0 failed/.exec(await deno(run, folder));
      assert.ok(Number(passed?.[1]) >= files.size, `${passed?.[0]} of ${files.size} files`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
