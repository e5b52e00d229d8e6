/** Files of datasets: pictures, arrays, archives and tables of labels. */
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { openDataset } from "../../../mod.ts";
import { fromBase64, gzip, idx, jpeg, npy, picture, png } from "../../data/fixtures.ts";
import * as samples from "../../data/picture_fixtures.ts";
import { complaintAbout } from "../judge.ts";
import type { Kind, Target } from "../kind.ts";
import { damageBytes } from "../mutate_bytes.ts";
import { damageJson } from "../mutate_json.ts";

type Files = Readonly<Record<string, Uint8Array>>;

const X = npy("<f4", [4, 2, 3], new Float32Array(24));
const Y = npy("<i8", [4], new BigInt64Array(4));

/** Folders of arrays. */
const ARRAYS: readonly (() => Files | Promise<Files>)[] = [
  () => ({ "x.npy": X, "y.npy": Y }),
  () => ({ "x.npy": npy(">f8", [4, 3], new Float64Array(12), true), "y.npy": Y }),
  () => ({ "data.npz": zipSync({ "x.npy": X, "y.npy": Y }) }),
  () => ({ "data.npz": zipSync({ "a.npy": X, "b.npy": X, "labels.npy": Y }, { level: 0 }) }),
  () => ({
    "t10k-images.idx3-ubyte": idx([4, 3, 3], new Uint8Array(36)),
    "t10k-labels.idx1-ubyte": idx([4], [0, 1, 2, 3]),
  }),
  async () => ({
    "images-idx3-ubyte.gz": await gzip(idx([4, 3, 3], new Uint8Array(36))),
    "labels-idx1-ubyte.gz": await gzip(idx([4], [0, 1, 2, 3])),
  }),
];

const PNGS = Object.values(samples).flatMap((one) => typeof one === "object" && "base64" in one ? [one.base64] : []);
const COCO = {
  images: [{ id: 1, file_name: "a.png" }, { id: 2, file_name: "b.png" }],
  annotations: [{ image_id: 1, bbox: [1, 2, 3, 4], category_id: 7, area: 12, iscrowd: 0 }],
  categories: [{ id: 7, name: "cat" }],
};

/** Folders of pictures with labels. */
const PICTURES: readonly (() => Files | Promise<Files>)[] = [
  ...PNGS.map((base64) => () => ({ "0/a.png": fromBase64(base64), "1/b.png": fromBase64(base64) })),
  async () => ({ "images/a.jpg": await jpeg(picture(9, 7)), "labels.csv": strToU8("a.jpg,3\n") }),
  () => ({ "images/a.png": png(picture(4, 4)), "labels.tsv": strToU8("a.png\thello\n") }),
  () => ({
    "images/a.png": png(picture(4, 4)),
    "images/b.png": png(picture(4, 4)),
    "annotations.json": strToU8(JSON.stringify(COCO)),
    "dataset.json": strToU8('{"format":"images","inputs":"images","labels":"annotations.json"}'),
  }),
  () => ({
    "images/a.png": png(picture(4, 4)),
    "masks/a.png": fromBase64(samples.PNG_PALETTE_4.base64),
    "dataset.json": strToU8('{"format":"images","inputs":"images","labels":"masks"}'),
  }),
];

function folderKind(name: string, folders: readonly (() => Files | Promise<Files>)[]): Kind {
  return {
    name,
    needsGpu: false,
    async open(): Promise<Target> {
      const folder = await Deno.makeTempDir({ prefix: "holdfast-fuzz-" });
      return {
        async run(draw) {
          const files = await draw.of(folders)();
          const damaged = draw.of(Object.keys(files));
          await Deno.remove(folder, { recursive: true });
          for (const [path, bytes] of Object.entries(files)) {
            await Deno.mkdir(join(folder, path, ".."), { recursive: true });
            await Deno.writeFile(join(folder, path), path === damaged ? damageBytes(bytes, draw) : bytes);
          }
          return await readAll(folder);
        },
        [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
      };
    },
  };
}

async function readAll(folder: string): Promise<string | undefined> {
  try {
    const dataset = await openDataset(folder, { workers: 0 });
    try {
      const tensors = await dataset.read(Array.from({ length: Math.min(8, dataset.length) }, (_, index) => index));
      const wrong = tensors.find(({ shape, data }) => shape.reduce((a, b) => a * b, 1) !== data.length);
      if (wrong) return `gives ${wrong.data.length} values for shape ${wrong.shape.join(" x ")}`;
      if (dataset.labels?.kind === "masks") await dataset.labels.read(0);
      await dataset.sha256();
    } finally {
      dataset.close();
    }
  } catch (error) {
    return complaintAbout(error);
  }
}

const ROWS = [
  { input_ids: [101, 2023, 102], mask: [1, 1, 0], label: 1 },
  { input_ids: [101, 7, 102], mask: [1, 1, 1], label: 0 },
  { input_ids: [5, 6, 7], mask: [0, 0, 0], label: 2 },
];

/** Lines of JSON, one of them damaged by its structure. */
export const linesKind: Kind = {
  name: "lines",
  needsGpu: false,
  async open(): Promise<Target> {
    const folder = await Deno.makeTempDir({ prefix: "holdfast-fuzz-" });
    return {
      async run(draw) {
        const damaged = draw.below(ROWS.length);
        const lines = ROWS.map((row, index) =>
          index === damaged ? damageJson(row, draw).replaceAll(/\n */g, "") : JSON.stringify(row)
        );
        const text = strToU8(lines.join("\n"));
        await Deno.writeFile(join(folder, "data.jsonl"), draw.chance(0.3) ? damageBytes(text, draw) : text);
        return await readAll(folder);
      },
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
};

/** Arrays and archives of arrays. */
export const arraysKind: Kind = folderKind("arrays", ARRAYS);

/** Pictures and the files that label them. */
export const picturesKind: Kind = folderKind("pictures", PICTURES);
