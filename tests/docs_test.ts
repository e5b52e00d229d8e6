import assert from "node:assert/strict";
import { EXAMPLE_CONFIGURATION, replaceSection, SCHEMAS, writeDocuments } from "../.ci/docs.ts";
import { hasKnownReason, shownCommand, VARIANTS } from "../.ci/traces.ts";
import { parseConfiguration } from "../src/api/settings/configuration.ts";
import { settingsOf } from "../src/api/settings/quantize_settings.ts";

const root = new URL("../", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, root));

Deno.test("generated documents agree with the program; deno task docs writes them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const target = new URL(`file://${folder}/`);
    await Deno.mkdir(new URL("docs", target));
    await Deno.copyFile(new URL("README.md", root), new URL("README.md", target));
    await writeDocuments(target);
    const schemas = Object.keys(SCHEMAS).map((name) => `docs/schema/${name}`);
    for (const path of ["README.md", "docs/configuration.md", ...schemas]) {
      assert.equal(await read(path), await Deno.readTextFile(new URL(path, target)), path);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("replaceSection() changes what stands between its marks and nothing else", () => {
  const text = "a\n<!-- x -->\nold\n<!-- /x -->\nb";
  assert.equal(replaceSection(text, "x", "new"), "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb");
  assert.throws(() => replaceSection(text, "y", ""), /its marks are missing/);
});

Deno.test("the configuration that the documents show is one that quantize takes", () => {
  const { parameters, algorithm } = parseConfiguration(EXAMPLE_CONFIGURATION, "example.json");
  const { accuracy, quantization, ignored, notes } = settingsOf(parameters);
  assert.equal(algorithm, "AccuracyAwareQuantization");
  assert.equal(accuracy?.maximalDrop, 0.005);
  assert.equal(quantization?.activations?.mode, "asymmetric");
  assert.deepEqual(ignored?.patterns, ["^head/.*"]);
  assert.deepEqual(notes, []);
});

Deno.test("the traces that docs/algorithm.md shows are of the commands that write them; deno task traces does", async () => {
  const page = await read("docs/algorithm.md");
  for (const variant of VARIANTS) {
    const mark = `<!-- ${variant.section} -->\n\n\`\`\`\n${shownCommand(variant)}\n`;
    assert.ok(page.includes(mark), variant.section);
    const lines = page.split(mark)[1]!.split("\n```")[0]!.split("\n");
    assert.ok(lines.some((line) => line.startsWith("  ranked ")), `${variant.section} has steps`);
    assert.deepEqual(lines.filter((line) => !hasKnownReason(line)), [], "reasons are those of the loop");
  }
});

Deno.test("links between documents lead somewhere", async () => {
  const broken: string[] = [];
  const documents = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "src/README.md"];
  for await (const { name } of Deno.readDir(new URL("docs", root))) {
    if (name.endsWith(".md")) documents.push(`docs/${name}`);
  }
  for (const document of documents) {
    for (const [, link] of (await read(document)).matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (!link || /^https?:/.test(link)) continue;
      const target = new URL(link, new URL(document, root));
      if (!await Deno.stat(target).then(() => true, () => false)) broken.push(`${document}: ${link}`);
    }
  }
  assert.deepEqual(broken, []);
});
