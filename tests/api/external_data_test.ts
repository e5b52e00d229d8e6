/** Models whose weights lie in files beside them. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { loadModel } from "../../mod.ts";
import { exportGraph } from "../../src/graph/export.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { onnx } from "../../src/onnx/proto.ts";
import { withFolder } from "../data/fixtures.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

const WEIGHTS = [1.5, -2, 0.25, 8, 3, -1];
const PLACES = [2, 0, 1];

/** Where the data of an initializer lie, as the file has it. */
type Location = Readonly<Record<string, string>>;

/** A model with a float and an int64 initializer, those named in `locations` without their data. */
function modelFile(locations: Readonly<Record<string, Location>>): Uint8Array {
  const builder = new GraphBuilder();
  builder.input("x", [2, 2]);
  const product = builder.node("MatMul", ["x", builder.constant("weights", [2, 3], WEIGHTS)]);
  builder.output(
    builder.node("Gather", [product, builder.constant("places", [3], PLACES, "int64")], { attributes: { axis: 1 } }),
  );
  const proto = exportGraph(builder.build());
  for (const tensor of proto.graph?.initializer ?? []) {
    const location = locations[tensor.name ?? ""];
    if (!location) continue;
    tensor.rawData = new Uint8Array();
    tensor.dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
    tensor.externalData = Object.entries(location).map(([key, value]) =>
      onnx.StringStringEntryProto.create({ key, value })
    );
  }
  return encodeModel(proto);
}

/** Both initializers in one file, behind 5 bytes that belong to neither. */
function dataFile(): Uint8Array {
  const bytes = new Uint8Array(5 + 24 + 24);
  bytes.set(new Uint8Array(Float32Array.from(WEIGHTS).buffer), 5);
  bytes.set(new Uint8Array(BigInt64Array.from(PLACES, BigInt).buffer), 29);
  return bytes;
}

/** Loads a model with these locations beside a data file in a folder below it. */
function withModel(
  locations: Readonly<Record<string, Location>>,
  body: (path: string) => Promise<void>,
): Promise<void> {
  const files = { "model.onnx": modelFile(locations), "parts/weights.bin": dataFile() };
  return withFolder(files, (folder) => body(join(folder, "model.onnx")));
}

const refuses = (location: Location, message: RegExp) =>
  withModel({ weights: location }, (path) => assert.rejects(loadModel(path), { name: "ModelError", message }));

Deno.test("loadModel() reads parts of external files", () =>
  withModel({
    weights: { location: "parts/weights.bin", offset: "5", length: "24" },
    places: { location: "parts/weights.bin", offset: "29" },
  }, async (path) => {
    const { graph } = await loadModel(path);
    assert.deepEqual([...graph.initializers.get("weights")!.data], WEIGHTS);
    assert.deepEqual([...graph.initializers.get("places")!.data], PLACES);
  }));

Deno.test("loadModel() refuses external data outside the model's folder", async () => {
  for (
    const location of ["../weights.bin", "parts/../../weights.bin", "/etc/hostname", "C:\\weights.bin", "..\\w.bin"]
  ) {
    await refuses({ location }, /^Cannot read external data ".*": it lies outside the model's folder$/);
  }
});

Deno.test("loadModel() says what is wrong with external data", async () => {
  const location = "parts/weights.bin";
  await refuses({ location: "gone.bin" }, /^Cannot read external data "gone.bin": no such file$/);
  await refuses({ location: "parts" }, /^Cannot read external data "parts": it is a folder, expected a file$/);
  await refuses({ offset: "5" }, /^Cannot read tensor "weights": external data without a location$/);
  await refuses({ location, offset: "40", length: "24" }, /"parts\/weights.bin": bytes 40 to 64, the file has 53$/);
  await refuses(
    { location, offset: "-4", length: "24" },
    /"weights": its data have offset "-4", expected a number of bytes$/,
  );
  await refuses({ location, offset: "5", length: "20" }, /"weights": found 20 bytes of data, expected 24$/);
  await refuses({ location, offset: "five" }, /"weights": its data have offset "five", expected a number of bytes$/);
});

Deno.test("loadModel() refuses links that lead out of the model's folder, and devices", () =>
  withFolder({ "secret.bin": dataFile() }, async (folder) => {
    await Deno.mkdir(join(folder, "model"));
    const inside = join(folder, "model");
    await Deno.writeFile(join(inside, "own.bin"), dataFile());
    await Deno.symlink("own.bin", join(inside, "within.bin"));
    await Deno.symlink("../secret.bin", join(inside, "link.bin"));
    await Deno.symlink("..", join(inside, "up"));
    await Deno.symlink("/dev/zero", join(inside, "zero.bin"));
    const load = async (location: string) => {
      await Deno.writeFile(join(inside, "model.onnx"), modelFile({ weights: { location, offset: "5" } }));
      return await loadModel(join(inside, "model.onnx"));
    };
    for (const location of ["link.bin", "up/secret.bin", "zero.bin", "up/model/../secret.bin"]) {
      await assert.rejects(load(location), { name: "ModelError", message: /it lies outside the model's folder$/ });
    }
    await assert.rejects(load("."), { message: /outside|folder, expected a file$/ });
    assert.deepEqual([...(await load("within.bin")).graph.initializers.get("weights")!.data], WEIGHTS);
  }));

Deno.test("loadModel() reads of an external file only what a tensor holds", () =>
  withFolder(
    { "model.onnx": modelFile({ weights: { location: "huge.bin", offset: "1099511627776" } }) },
    async (folder) => {
      // A terabyte that takes no room on the disk.
      const file = await Deno.open(join(folder, "huge.bin"), { write: true, create: true });
      await file.truncate(2 ** 40 + 24);
      file.close();
      const { graph } = await loadModel(join(folder, "model.onnx"));
      assert.deepEqual([...graph.initializers.get("weights")!.data], new Array(6).fill(0));
    },
  ));

Deno.test("loadModel() counts the files of external data that it reads", () =>
  withModel({
    weights: { location: "parts/weights.bin", offset: "5", length: "24" },
    places: { location: "parts/weights.bin", offset: "29", length: "24" },
  }, async (path) => {
    const { byteLength } = await loadModel(path);
    assert.equal(byteLength, (await Deno.stat(path)).size + dataFile().length);
  }));

Deno.test("loadModel() reads no external data for a model given as bytes", () =>
  withModel({ weights: { location: "parts/weights.bin", offset: "5", length: "24" } }, async (path) => {
    await assert.rejects(loadModel(await Deno.readFile(path)), {
      name: "ModelError",
      message:
        /^Cannot read tensor "weights": its data lie in "parts\/weights.bin", expected the file beside the model$/,
    });
  }));

Deno.test("loadModel() finds external data from the current folder", () =>
  withModel({ weights: { location: "parts/weights.bin", offset: "5", length: "24" } }, async (path) => {
    const before = Deno.cwd();
    try {
      Deno.chdir(dirname(path));
      const { graph } = await loadModel("model.onnx");
      assert.deepEqual([...graph.initializers.get("weights")!.data], WEIGHTS);
    } finally {
      Deno.chdir(before);
    }
  }));
