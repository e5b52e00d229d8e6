import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { encode as encodePng } from "fast-png";
import { createPictureDecoder } from "../../src/data/decode_picture.ts";
import { parsePictureHeader } from "../../src/data/picture_header.ts";
import { channelsReversed, cropped, fromLayout, grayscale, sampleShape, toLayout } from "../../src/data/pixels.ts";
import { INTERPOLATIONS, resized } from "../../src/data/resize.ts";
import { flat, fromBase64, jpeg, picture, png } from "./fixtures.ts";
import * as fixtures from "./picture_fixtures.ts";

const decoder = await createPictureDecoder();

for (const [name, fixture] of Object.entries(fixtures)) {
  if (!("base64" in fixture) || name === "JPEG_CMYK") continue;
  Deno.test(`createPictureDecoder() reads ${name} as Pillow does`, () => {
    const { width, height, channels, data } = decoder.rgb(fromBase64(fixture.base64));
    assert.deepEqual([width, height, channels], [fixture.width, fixture.height, 3]);
    assert.equal(crc32(data), fixture.rgbCrc);
  });
}

Deno.test("createPictureDecoder() gives palette indices for masks", () => {
  const { channels, data } = decoder.indices(fromBase64(fixtures.PNG_PALETTE_4.base64));
  assert.equal(channels, 1);
  assert.deepEqual([...data], fixtures.PNG_PALETTE_4_INDICES);
  assert.deepEqual([...decoder.indices(png(flat(2, 1, [255]))).data], [255, 255]);
  assert.throws(() => decoder.indices(png(flat(2, 2, [1, 2, 3]))), /3 channels of 8 bit, expected palette or gray/);
  assert.throws(() => decoder.indices(fromBase64(fixtures.JPEG_GRAY.base64)), /it is a JPEG/);
});

Deno.test("createPictureDecoder() cuts 16 bit to the upper 8 and reads interlaced pictures", () => {
  const values = Uint16Array.from({ length: 4 * 3 * 3 }, (_, index) => index * 1777);
  const deep = encodePng({ width: 4, height: 3, channels: 3, depth: 16, data: values });
  assert.deepEqual([...decoder.rgb(deep).data], [...values].map((value) => value >> 8));
  const pixels = picture(9, 5);
  assert.deepEqual(decoder.rgb(encodePng({ ...pixels, depth: 8 }, { interlace: "Adam7" })).data, pixels.data);
});

Deno.test("createPictureDecoder() says what is wrong with a file, and reads the next one", async () => {
  const whole = await jpeg(picture(40, 40));
  const drawn = png(picture(40, 40));
  const flipped = drawn.slice();
  flipped[60] = (flipped[60] ?? 0) ^ 0xff;
  const checksum = drawn.slice();
  const end = drawn.length - 12;
  checksum[end - 1] = (checksum[end - 1] ?? 0) ^ 1;
  const cases: [Uint8Array, RegExp][] = [
    [whole.subarray(0, whole.length >> 1), /JPEG data is truncated/],
    [whole.subarray(0, whole.length - 2), /JPEG data is truncated/],
    [whole.subarray(0, 30), /no frame header/],
    [fromBase64(fixtures.JPEG_CMYK.base64), /it is a JPEG of four inks \(CMYK\), expected gray or RGB/],
    [drawn.subarray(0, drawn.length >> 1), /PNG data is damaged or truncated/],
    [drawn.subarray(0, 20), /ends inside its PNG header/],
    [flipped, /PNG data is damaged or truncated/],
    [checksum, /PNG data is damaged or truncated \(CRC/],
    [new TextEncoder().encode("GIF89a, and more"), /it is a GIF, expected JPEG or PNG/],
    [new TextEncoder().encode("hello"), /no picture that can be read/],
    [new Uint8Array(0), /it is empty/],
  ];
  for (const [bytes, message] of cases) assert.throws(() => decoder.rgb(bytes.slice()), message);
  assert.equal(decoder.rgb(whole).width, 40);
});

Deno.test("parsePictureHeader() refuses sizes that are hostile before any pixel is decoded", async () => {
  const small = png(picture(2, 2));
  const view = new DataView(small.buffer, small.byteOffset);
  view.setUint32(16, 10_000);
  view.setUint32(20, 10_000);
  assert.throws(() => parsePictureHeader(small), /10000x10000, which \d+ bytes cannot hold/);
  const huge = await jpeg(picture(8, 8));
  const frame = huge.findIndex((byte, at) => byte === 0xff && huge[at + 1] === 0xc0);
  const at = frame < 0 ? huge.findIndex((byte, place) => byte === 0xff && huge[place + 1] === 0xc2) : frame;
  huge.set([0xff, 0xff, 0xff, 0xff], at + 5);
  assert.throws(() => parsePictureHeader(huge), /65535x65535, expected at most/);
  assert.deepEqual(parsePictureHeader(await jpeg(picture(9, 7))), { format: "jpeg", width: 9, height: 7 });
});

/** CRC-32 of what Pillow 9.4 makes of `picture(width, height)`: interpolation, from width x height, to width x height. */
const PILLOW: readonly [string, number, number, number, number, number][] = [
  ["bilinear", 9, 7, 5, 4, 3411081267],
  ["bicubic", 9, 7, 5, 4, 2991206222],
  ["nearest", 9, 7, 5, 4, 3027167935],
  ["box", 9, 7, 5, 4, 4038862836],
  ["bilinear", 5, 4, 9, 7, 963299872],
  ["bicubic", 5, 4, 9, 7, 1812584758],
  ["nearest", 5, 4, 9, 7, 2642338859],
  ["box", 5, 4, 9, 7, 2186319261],
  ["bilinear", 16, 16, 3, 3, 3292228657],
  ["bicubic", 16, 16, 3, 3, 2350821765],
  ["nearest", 16, 16, 3, 3, 2392541004],
  ["box", 16, 16, 3, 3, 2446419959],
  ["bilinear", 7, 5, 7, 2, 2017585154],
  ["bicubic", 7, 5, 7, 2, 294717840],
  ["nearest", 7, 5, 7, 2, 909979708],
  ["box", 7, 5, 7, 2, 3279891330],
  ["bilinear", 50, 37, 33, 24, 2115459786],
  ["bicubic", 50, 37, 33, 24, 1878460191],
  ["nearest", 50, 37, 33, 24, 1545329881],
  ["box", 50, 37, 33, 24, 81650383],
  ["bilinear", 333, 251, 256, 256, 3018171215],
  ["bicubic", 333, 251, 256, 256, 4217699484],
  ["nearest", 333, 251, 256, 256, 622991346],
  ["box", 333, 251, 256, 256, 2628075832],
  ["bilinear", 500, 375, 341, 256, 2097828777],
  ["bicubic", 500, 375, 341, 256, 3096699884],
  ["nearest", 500, 375, 341, 256, 2235688374],
  ["box", 500, 375, 341, 256, 365284964],
  ["bilinear", 13, 11, 29, 31, 1436929435],
  ["bicubic", 13, 11, 29, 31, 4129221244],
  ["nearest", 13, 11, 29, 31, 3054504747],
  ["box", 13, 11, 29, 31, 3054504747],
  ["bilinear", 100, 3, 7, 3, 3625083587],
  ["bicubic", 100, 3, 7, 3, 4067463355],
  ["nearest", 100, 3, 7, 3, 1774236896],
  ["box", 100, 3, 7, 3, 89273913],
  ["bilinear", 640, 480, 224, 224, 2182505157],
  ["bicubic", 640, 480, 224, 224, 684732005],
  ["nearest", 640, 480, 224, 224, 3387390365],
  ["box", 640, 480, 224, 224, 4055095446],
  ["bilinear", 3, 3, 3, 3, 2714673725],
  ["bicubic", 3, 3, 3, 3, 2714673725],
  ["nearest", 3, 3, 3, 3, 2714673725],
  ["box", 3, 3, 3, 3, 2714673725],
  ["bilinear", 1, 1, 4, 4, 2957670743],
  ["bicubic", 1, 1, 4, 4, 2957670743],
  ["nearest", 1, 1, 4, 4, 2957670743],
  ["box", 1, 1, 4, 4, 2957670743],
  ["bilinear", 257, 129, 100, 51, 222890049],
  ["bicubic", 257, 129, 100, 51, 3495385316],
  ["nearest", 257, 129, 100, 51, 2211788697],
  ["box", 257, 129, 100, 51, 1689613606],
];

Deno.test("resized() equals Pillow to the last bit", () => {
  for (const [interpolation, width, height, toWidth, toHeight, crc] of PILLOW) {
    const name = INTERPOLATIONS.find((candidate) => candidate === interpolation);
    assert.ok(name !== undefined);
    const result = resized(picture(width, height), toWidth, toHeight, name);
    assert.deepEqual([result.width, result.height, result.data.length], [toWidth, toHeight, toWidth * toHeight * 3]);
    assert.equal(crc32(result.data), crc, `${interpolation} ${width}x${height} to ${toWidth}x${toHeight}`);
  }
});

Deno.test("resized() equals Pillow on one channel", () => {
  const expected = {
    "bilinear": [66, 135, 106, 96, 117, 131, 104, 97, 158, 149, 108, 95],
    "bicubic": [60, 141, 107, 94, 116, 133, 105, 97, 160, 150, 106, 94],
    "nearest": [0, 108, 16, 36, 186, 106, 26, 58, 172, 104, 36, 24],
    "box": [71, 146, 97, 97, 113, 147, 26, 97, 155, 134, 112, 97],
  };
  for (const [name, values] of Object.entries(expected)) {
    const interpolation = INTERPOLATIONS.find((candidate) => candidate === name);
    assert.ok(interpolation !== undefined);
    const { width, height, data } = picture(7, 5);
    const gray = { width, height, channels: 1, data: data.filter((_, at) => at % 3 === 0) };
    assert.deepEqual([...resized(gray, 4, 3, interpolation).data], values, name);
  }
});

Deno.test("grayscale() equals Pillow's mode L", () => {
  assert.deepEqual([...grayscale(picture(9, 7)).data], [
    118,
    172,
    53,
    161,
    174,
    114,
    161,
    112,
    63,
    49,
    132,
    196,
    64,
    133,
    162,
    136,
    43,
    178,
    185,
    179,
    72,
    153,
    55,
    134,
    47,
    161,
    56,
    56,
    112,
    215,
    43,
    158,
    20,
    146,
    63,
    217,
    193,
    101,
    85,
    179,
    24,
    172,
    45,
    204,
    112,
    57,
    125,
    201,
    68,
    172,
    51,
    189,
    79,
    93,
    167,
    85,
    88,
    197,
    55,
    176,
    88,
    208,
    160,
  ]);
  const half = { width: 1, height: 1, channels: 3, data: Uint8Array.of(4, 56, 188) };
  assert.deepEqual([...grayscale(half).data], [56], "exactly between 55 and 56");
});

Deno.test("cropped() and channelsReversed() keep pixels together", () => {
  const source = { width: 3, height: 2, channels: 2, data: Uint8Array.from({ length: 12 }, (_, at) => at) };
  assert.deepEqual([...cropped(source, 1, 0, 2, 2).data], [2, 3, 4, 5, 8, 9, 10, 11]);
  assert.deepEqual([...cropped(source, 0, 1, 1, 1).data], [6, 7]);
  assert.deepEqual([...channelsReversed(picture(1, 1)).data], [...picture(1, 1).data].reverse());
});

Deno.test("toLayout() and fromLayout() are inverse in both layouts", () => {
  const source = picture(4, 3);
  assert.deepEqual([...toLayout({ width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }, "NCHW")], [
    1,
    4,
    2,
    5,
    3,
    6,
  ]);
  for (const layout of ["NCHW", "NHWC"] as const) {
    assert.deepEqual(fromLayout(toLayout(source, layout), sampleShape(source, layout), layout), source);
  }
});
