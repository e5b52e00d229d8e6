import assert from "node:assert/strict";
import { zipSync } from "fflate";
import { type ArrayRows, openArrayFile, readArrayFile } from "../../src/data/array_rows.ts";
import { parseIdxHeader } from "../../src/data/idx.ts";
import { decodeNpy, parseNpyHeader } from "../../src/data/npy.ts";
import { readNpz, readNpzMember, readNpzNames } from "../../src/data/npz.ts";
import { gzip, idx, npy, withFolder } from "./fixtures.ts";
import { refused } from "./refused.ts";

/** Big-endian copy of an array of `size`-byte elements. */
function swapped(array: ArrayBufferView, size: number): Uint8Array {
  const bytes = new Uint8Array(array.buffer.slice(array.byteOffset, array.byteOffset + array.byteLength));
  for (let start = 0; start < bytes.length; start += size) bytes.subarray(start, start + size).reverse();
  return bytes;
}

const CASES: readonly [string, ArrayBufferView, number, string, readonly number[]][] = [
  ["u1", Uint8Array.of(0, 255, 7), 1, "uint8", [0, 255, 7]],
  ["i1", Int8Array.of(-128, 127, -1), 1, "int8", [-128, 127, -1]],
  ["b1", Uint8Array.of(1, 0, 1), 1, "bool", [1, 0, 1]],
  ["i2", Int16Array.of(-32768, 300), 2, "int16", [-32768, 300]],
  ["u2", Uint16Array.of(65535, 300), 2, "uint16", [65535, 300]],
  ["i4", Int32Array.of(-2147483648, 70000), 4, "int32", [-2147483648, 70000]],
  ["u4", Uint32Array.of(4294967295, 1), 4, "uint32", [4294967295, 1]],
  ["i8", BigInt64Array.of(-5n, 9007199254740991n), 8, "int64", [-5, 9007199254740991]],
  ["u8", BigUint64Array.of(5n, 9007199254740991n), 8, "uint64", [5, 9007199254740991]],
  ["f2", Uint16Array.of(0x3c00, 0xc500, 0x0001, 0x7bff), 2, "float16", [1, -5, 2 ** -24, 65504]],
  ["f4", Float32Array.of(0.5, -1e30), 4, "float32", [0.5, Math.fround(-1e30)]],
  ["f8", Float64Array.of(0.1, -1e300), 8, "float64", [0.1, -1e300]],
];

for (const [descr, body, size, dtype, values] of CASES) {
  Deno.test(`decodeNpy() reads ${dtype} in both byte orders`, () => {
    for (const [order, bytes] of [["<", body], [">", swapped(body, size)]] as const) {
      const tensor = decodeNpy(npy(order + descr, [values.length], bytes), "x");
      assert.equal(tensor.dtype, dtype);
      assert.deepEqual(tensor.shape, [values.length]);
      assert.deepEqual([...tensor.data], values);
    }
  });
}

Deno.test("decodeNpy() gives row-major values when the file is in Fortran order", () => {
  const columns = Uint8Array.from([
    0,
    12,
    4,
    16,
    8,
    20,
    1,
    13,
    5,
    17,
    9,
    21,
    2,
    14,
    6,
    18,
    10,
    22,
    3,
    15,
    7,
    19,
    11,
    23,
  ]);
  const tensor = decodeNpy(npy("|u1", [2, 3, 4], columns, true), "x");
  assert.deepEqual([...tensor.data], Array.from({ length: 24 }, (_, index) => index));
});

Deno.test("decodeNpy() reads any rank and header versions 2 and 3", () => {
  assert.deepEqual(decodeNpy(npy("<f4", [], Float32Array.of(2)), "x").shape, []);
  assert.deepEqual(decodeNpy(npy("<f4", [1, 1, 1, 1, 1, 2], Float32Array.of(2, 3)), "x").shape, [1, 1, 1, 1, 1, 2]);
  const first = npy("|u1", [2], Uint8Array.of(8, 9));
  for (const version of [2, 3]) {
    const bytes = new Uint8Array(first.length + 2);
    bytes.set(first.subarray(0, 10));
    bytes[6] = version;
    bytes.set(first.subarray(10), 12);
    assert.deepEqual([...decodeNpy(bytes, "x").data], [8, 9]);
  }
});

Deno.test("decodeNpy() refuses what is truncated, malformed or no numbers", () => {
  const whole = npy("<f4", [2, 3], new Float32Array(6));
  assert.throws(
    () => decodeNpy(whole.subarray(0, whole.length - 1), '"x.npy"'),
    refused(/"x.npy".*2 x 3 of float32, 24 bytes, but 23 follow/),
  );
  assert.throws(() => decodeNpy(whole.subarray(0, 40), "x"), refused(/malformed/));
  assert.throws(() => decodeNpy(whole.subarray(0, 9), "x"), refused(/malformed/));
  assert.throws(() => decodeNpy(new Uint8Array(0), "x"), refused(/no NumPy header/));
  assert.throws(() => decodeNpy(new TextEncoder().encode("name,label\n"), "x"), refused(/no NumPy header/));
  assert.throws(() => decodeNpy(npy("<U5", [1], new Uint8Array(20)), "x"), refused(/element type is '<U5'/));
  assert.throws(() => decodeNpy(npy("|O", [1], new Uint8Array(20)), "x"), refused(/element type is '\|O'/));
  const broken = npy("<f4", [2], new Float32Array(2));
  broken[10] = 0x5b;
  broken.fill(0x20, 12, 60);
  assert.throws(() => decodeNpy(broken, "x"), refused(/malformed/));
  assert.throws(() => decodeNpy(npy("<i8", [1], BigInt64Array.of(2n ** 60n)), "x"), refused(/below 2\^53/));
});

Deno.test("decodeNpy() refuses a shape beyond the file before it allocates", () => {
  const bytes = npy("<f8", [1000000, 1000000, 1000], new Float64Array(1));
  assert.throws(() => decodeNpy(bytes, "x"), refused(/truncated/));
  assert.deepEqual(parseNpyHeader(bytes, "x").shape, [1000000, 1000000, 1000]);
});

Deno.test("parseIdxHeader() reads type and shape, and refuses other files", () => {
  const header = parseIdxHeader(idx([2, 3], [1, 2, 3, 4, 5, 6]), "x");
  assert.deepEqual([header.dtype, header.shape, header.offset], ["uint8", [2, 3], 12]);
  assert.throws(() => parseIdxHeader(Uint8Array.of(0, 0, 7, 1, 0, 0, 0, 1), "x"), refused(/no IDX header/));
  assert.throws(() => parseIdxHeader(Uint8Array.of(0, 0, 8, 3, 0, 0), "x"), refused(/ends inside/));
});

async function rowsOf(array: ArrayRows, indices: readonly number[]): Promise<number[]> {
  return [...await array.rows(indices)];
}

Deno.test("openArrayFile() gives the same rows from disk as from memory", async () => {
  const values = Float32Array.from({ length: 12 }, (_, index) => index / 2);
  const files = { "a.npy": npy("<f4", [4, 3], values), "b.npy": npy(">f4", [4, 3], swapped(values, 4)) };
  await withFolder(files, async (folder) => {
    for (const name of Object.keys(files)) {
      const held = await openArrayFile(`${folder}/${name}`, "npy");
      const read = await openArrayFile(`${folder}/${name}`, "npy", 0);
      for (const array of [held, read]) {
        assert.deepEqual(array.shape, [4, 3]);
        assert.deepEqual(await rowsOf(array, [3, 0, 3]), [4.5, 5, 5.5, 0, 0.5, 1, 4.5, 5, 5.5]);
        array.close();
      }
    }
  });
});

Deno.test("openArrayFile() refuses a truncated file and Fortran order on disk", async () => {
  const whole = npy("<f4", [4, 3], new Float32Array(12));
  const files = {
    "short.npy": whole.subarray(0, whole.length - 4),
    "columns.npy": npy("<f4", [4, 3], new Float32Array(12), true),
  };
  await withFolder(files, async (folder) => {
    await assert.rejects(openArrayFile(`${folder}/short.npy`, "npy", 0), refused(/short.npy.*truncated/));
    await assert.rejects(openArrayFile(`${folder}/columns.npy`, "npy", 0), refused(/Fortran order/));
    await assert.rejects(openArrayFile(`${folder}/none.npy`, "npy"), refused(/none.npy.*does not exist/));
  });
});

Deno.test("readArrayFile() inflates .gz no further than the header says", async () => {
  const bomb = new Uint8Array(50_000_000);
  bomb.set(idx([2, 2], [1, 2, 3, 4]));
  const packed = await gzip(idx([2, 2], [5, 6, 7, 8]));
  const files = { "bomb.idx.gz": await gzip(bomb), "x.idx.gz": packed, "cut.idx.gz": packed.subarray(0, 20) };
  await withFolder(files, async (folder) => {
    const read = await readArrayFile(`${folder}/bomb.idx.gz`, "idx");
    assert.deepEqual([...read.data], [1, 2, 3, 4]);
    assert.ok(read.data.buffer.byteLength < 20_000_000, `${read.data.buffer.byteLength} bytes held`);
    assert.deepEqual([...(await readArrayFile(`${folder}/x.idx.gz`, "idx")).data], [5, 6, 7, 8]);
    await assert.rejects(readArrayFile(`${folder}/cut.idx.gz`, "idx"), refused(/cut.idx.gz.*no whole gzip file/));
  });
});

Deno.test("readNpz() reads stored and deflated members by name", async () => {
  const members = {
    "b.npy": npy("<i8", [2], BigInt64Array.of(1n, 2n)),
    "a.npy": [npy("<f4", [1, 2], Float32Array.of(3, 4)), { level: 0 }] as [Uint8Array, { level: 0 }],
    "notes.txt": new TextEncoder().encode("none"),
  };
  await withFolder({ "x.npz": zipSync(members) }, async (folder) => {
    const arrays = await readNpz(`${folder}/x.npz`);
    assert.deepEqual([...arrays.keys()], ["b", "a"]);
    assert.deepEqual([...arrays.get("b")?.data ?? []], [1, 2]);
    assert.deepEqual(arrays.get("a")?.shape, [1, 2]);
    assert.deepEqual(await readNpzNames(`${folder}/x.npz`), ["b", "a"]);
    assert.deepEqual([...(await readNpzMember(`${folder}/x.npz:a`)).data], [3, 4]);
    await assert.rejects(readNpzMember(`${folder}/x.npz:c`), refused(/arrays b, a; name one/));
    await assert.rejects(readNpzMember(`${folder}/x.npz`), refused(/arrays b, a; name one/));
  });
});

Deno.test("readNpz() refuses what is no zip, cut off, or claims more than it can hold", async () => {
  const whole = zipSync({ "x.npy": npy("|u1", [1000], new Uint8Array(1000)) });
  const lying = whole.slice();
  const directory = new DataView(lying.buffer);
  const entry = directory.getUint32(lying.length - 22 + 16, true);
  directory.setUint32(entry + 24, 0x7fffffff, true);
  const files = { "cut.npz": whole.subarray(0, 80), "text.npz": "no zip", "lying.npz": lying };
  await withFolder(files, async (folder) => {
    await assert.rejects(readNpz(`${folder}/cut.npz`), refused(/cut.npz.*no whole zip/));
    await assert.rejects(readNpz(`${folder}/text.npz`), refused(/text.npz.*no whole zip/));
    await assert.rejects(readNpz(`${folder}/lying.npz`), refused(/lying.npz.*"x.npy" claims 2147483647 bytes/));
  });
});
