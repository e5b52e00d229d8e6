import assert from "node:assert/strict";
import { openDataset } from "../../src/data/open_dataset.ts";
import { limitDataset } from "../../src/evaluate/limited_dataset.ts";
import { selectSamples } from "../../src/evaluate/selected_dataset.ts";
import { flat, png, withFolder } from "./fixtures.ts";

const FILES = {
  // 40 x 20 → 20 x 10 → the middle 8 x 8, which begins at (6, 1) of the small picture.
  "dataset.json": JSON.stringify({
    format: "images",
    inputs: "images/",
    preprocessing: [{ type: "resize", dst_width: 20, dst_height: 10 }, { type: "crop", size: 8 }],
  }),
  "plain.json": JSON.stringify({ format: "images", inputs: "images/same/" }),
  "images/a.png": png(flat(40, 20, [1, 2, 3])),
  "images/b.png": png(flat(20, 20, [1, 2, 3])),
  "images/same/c.png": png(flat(4, 4, [1, 2, 3])),
};

Deno.test("openDataset() says where resized and cropped samples lie in their pictures", async () => {
  await withFolder(FILES, async (folder) => {
    const dataset = await openDataset(folder);
    const [wide, square] = [
      { left: 12, top: 2, scaleX: 2, scaleY: 2 },
      { left: 6, top: 2, scaleX: 1, scaleY: 2 },
    ];
    assert.deepEqual(await dataset.placement?.(0), wide);
    assert.deepEqual(await dataset.placement?.(1), square);
    assert.deepEqual(await limitDataset(dataset, 1).placement?.(0), wide);
    assert.deepEqual(await selectSamples(dataset, [1]).placement?.(0), square);
    const plain = await openDataset(`${folder}/plain.json`);
    assert.equal(plain.placement, undefined);
    for (const one of [dataset, plain]) one.close();
  });
});
