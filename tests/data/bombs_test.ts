/** Small files that claim or unpack to more than any machine has. */
import assert from "node:assert/strict";
import { unzipSync, zipSync, zlibSync } from "fflate";
import { createPictureDecoder } from "../../src/data/decode_picture.ts";
import { decodeNpy } from "../../src/data/npy.ts";
import { readNpz } from "../../src/data/npz.ts";
import { readLines } from "../../src/data/read_file.ts";
import { npy, withFolder } from "./fixtures.ts";
import { refused } from "./refused.ts";

/** A PNG of 2 x 2 RGB pixels, or of the given size, with chunks of one's own. */
function pngOf(chunks: Readonly<Record<string, Uint8Array>>, width = 2, height = 2): Uint8Array {
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([8, 2], 8);
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10);
  const all = Object.entries({ IHDR: header, ...chunks, IEND: new Uint8Array() });
  return Uint8Array.from([signature, ...all.map(([name, data]) => chunk(name, data))].flatMap((part) => [...part]));
}

function chunk(name: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

function crc32(bytes: Uint8Array): number {
  let rest = ~0;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  }
  return ~rest >>> 0;
}

/** Bytes that inflate to 300 MB. */
const bomb = zlibSync(new Uint8Array(300_000_000), { level: 9 });
const pixels = zlibSync(Uint8Array.from({ length: 14 }, (_, index) => index % 7 === 0 ? 0 : index));

Deno.test("createPictureDecoder() refuses PNGs whose data are more than their pixels", async () => {
  const decoder = await createPictureDecoder();
  const start = performance.now();
  assert.throws(() => decoder.rgb(pngOf({ IDAT: bomb })), refused(/^its image data are more than 2x2 pixels can be$/));
  assert.ok(performance.now() - start < 2000, "it stops early");
});

Deno.test("createPictureDecoder() does not unpack profiles and texts of PNGs", async () => {
  const decoder = await createPictureDecoder();
  const expected = decoder.rgb(pngOf({ IDAT: pixels }));
  const named = new Uint8Array([112, 0, 0, ...bomb]);
  const start = performance.now();
  for (const name of ["iCCP", "zTXt"]) {
    assert.deepEqual(decoder.rgb(pngOf({ [name]: named, IDAT: pixels })).data, expected.data);
  }
  assert.ok(performance.now() - start < 4000);
});

Deno.test("createPictureDecoder() refuses pictures larger than their files can hold, and than any picture is", async () => {
  const decoder = await createPictureDecoder();
  assert.throws(() => decoder.rgb(pngOf({ IDAT: pixels }, 12_000, 12_000)), refused(/which \d+ bytes cannot hold$/));
  assert.throws(() => decoder.rgb(pngOf({ IDAT: pixels }, 2 ** 31, 2 ** 31)), refused(/^its header says 2147483648x/));
});

Deno.test("decodeNpy() refuses shapes and headers without end", () => {
  const of = (shape: readonly number[]) => () => decodeNpy(npy("<f4", shape, new Float32Array(4)), '"x.npy"');
  assert.throws(of([2 ** 40]), refused(/its header says 1099511627776 of float32, 4398046511104 bytes, but 16 follow/));
  assert.throws(of([2 ** 52, 2 ** 52, 2 ** 52]), refused(/the file is truncated$/));
  assert.throws(of([0, 10 ** 400]), refused(/./));
  const long = npy("<f4", [4], new Float32Array(4));
  long[6] = 2;
  new DataView(long.buffer).setUint32(8, 2 ** 31, true);
  assert.throws(() => decodeNpy(long, '"x.npy"'), refused(/it states 2147483648 bytes, expected 65536 at most$/));
});

Deno.test("readNpz() refuses arrays that take too much together", async () => {
  // Three members of 1.5 GB each that no byte is packed for: the sizes in the directory are what is believed.
  const small = npy("<f4", [1], new Float32Array(1));
  const zip = zipSync({ "a.npy": small, "b.npy": small, "c.npy": small }, { level: 0 });
  assert.equal(Object.keys(unzipSync(zip)).length, 3);
  const view = new DataView(zip.buffer);
  const central = 0x02014b50;
  for (let at = 0; at + 46 <= zip.length; at++) {
    if (view.getUint32(at, true) !== central) continue;
    view.setUint32(at + 20, 1_500_000, true);
    view.setUint32(at + 24, 1_500_000_000, true);
  }
  await withFolder(
    { "x.npz": zip },
    (folder) => assert.rejects(readNpz(`${folder}/x.npz`), refused(/its arrays take 4500000000 bytes together/)),
  );
});

Deno.test("readLines() takes time that grows with the text, whatever blanks are in it", () =>
  withFolder({ "labels.txt": `a,1\n${" ".repeat(300_000)}b,2\n\n` }, async (folder) => {
    const start = performance.now();
    assert.equal((await readLines(`${folder}/labels.txt`)).length, 2);
    assert.ok(performance.now() - start < 2000);
  }));

Deno.test(
  "readLines() refuses devices, which have no end",
  { ignore: Deno.build.os === "windows" },
  () => assert.rejects(readLines("/dev/zero"), refused(/^Cannot read "\/dev\/zero": it is a device, expected a file$/)),
);
