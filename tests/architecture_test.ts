/** The layer rule of src/README.md, read off the module graph: a folder imports only folders of lower layers. */
import assert from "node:assert/strict";

/** Layer of every folder; two folders of one layer do not import each other. */
const LAYERS: Readonly<Record<string, number>> = {
  "src/base": 0,
  "src/onnx": 1,
  "src/data": 1,
  "src/graph": 2,
  "src/ops": 3,
  "src/gpu": 3,
  "src/passes": 4,
  "src/plan": 5,
  "src/run": 6,
  "src/evaluate": 7,
  "src/quantize": 7,
  "src/accuracy": 8,
  "src/report": 9,
  "src/api": 10,
  "mod.ts": 11,
  "src/cli": 12,
  "cli.ts": 13,
};

/** Who may import which part of shaders/. */
const SHADER_READERS: Readonly<Record<string, RegExp>> = {
  "src/ops": /^shaders\/[^/]+\.wgsl$/,
  "src/gpu": /^shaders\/lib\/[^/]+\.wgsl$/,
};

interface Edge {
  readonly from: string;
  readonly to: string;
}

const root = new URL("../", import.meta.url);
const edges = await importEdges();

async function importEdges(): Promise<Edge[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "cli.ts"],
    cwd: root,
    stdout: "piped",
    stderr: "null",
  }).output();
  const info = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string; dependencies?: { code?: { specifier?: string }; type?: { specifier?: string } }[] }[];
  };
  const local = (specifier: string | undefined) =>
    specifier?.startsWith(root.href) ? specifier.slice(root.href.length) : undefined;
  return info.modules.flatMap(({ specifier, dependencies }) =>
    (dependencies ?? []).flatMap(({ code, type }) => {
      const [from, to] = [local(specifier), local(code?.specifier ?? type?.specifier)];
      return from && to ? [{ from, to }] : [];
    })
  );
}

function folderOf(path: string): string {
  return path.startsWith("src/") ? path.split("/").slice(0, 2).join("/") : path;
}

Deno.test("every module lies in a folder with a layer", () => {
  assert.ok(edges.length > 100, `found ${edges.length} imports`);
  const unknown = edges.map(({ from }) => folderOf(from)).filter((folder) => LAYERS[folder] === undefined);
  assert.deepEqual([...new Set(unknown)], []);
});

Deno.test("folders import only folders of lower layers", () => {
  const upward = edges.filter(({ from, to }) => {
    const [own, other] = [folderOf(from), folderOf(to)];
    return !other.startsWith("shaders") && own !== other && LAYERS[own]! <= LAYERS[other]!;
  });
  assert.deepEqual(upward, []);
});

Deno.test("shaders are imported by operators and the linker alone", () => {
  const strays = edges.filter(({ from, to }) => to.startsWith("shaders/") && !SHADER_READERS[folderOf(from)]?.test(to));
  assert.deepEqual(strays, []);
});

Deno.test("the command line imports the public API alone", () => {
  const strays = edges.filter(({ from, to }) =>
    /^(src\/cli\/|cli\.ts)/.test(from) && to !== "mod.ts" && !to.startsWith("src/cli/")
  );
  assert.deepEqual(strays, []);
});

Deno.test("quantize and accuracy know nothing of the GPU", () => {
  const strays = edges.filter(({ from, to }) =>
    /^src\/(quantize|accuracy)\//.test(from) && /^src\/(gpu|plan|run)\//.test(to)
  );
  assert.deepEqual(strays, []);
});
