/** NumPy's .npz files: a zip of .npy files. */
import { unzipSync } from "fflate";
import { DatasetError } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor.ts";
import { decodeNpy } from "./npy.ts";
import { MAX_DEFLATE_RATIO } from "./picture_header.ts";
import { readDataFile } from "./read_file.ts";

/** Reads the arrays of a .npz by name, in the order of the file; all where `wanted` is absent. */
export async function readNpz(path: string, wanted?: ReadonlySet<string>): Promise<Map<string, HostTensor>> {
  const arrays = new Map<string, HostTensor>();
  for (const [member, bytes] of Object.entries(unzipped(await readDataFile(path), path, wanted))) {
    const name = arrayName(member);
    arrays.set(name, decodeNpy(bytes, `"${path}" (${name})`));
  }
  return arrays;
}

/** A path of the form `FILE.npz:NAME`, divided; the name is undefined where the path has none. */
export function splitMember(path: string): { readonly file: string; readonly member: string | undefined } {
  const divided = /^(.*\.npz):(.+)$/.exec(path);
  return { file: divided?.[1] ?? path, member: divided?.[2] };
}

/** One array of a .npz, given as `FILE.npz:NAME`, or as `FILE.npz` where it holds a single one. */
export async function readNpzMember(path: string): Promise<HostTensor> {
  const { file, member } = splitMember(path);
  const arrays = await readNpz(file, member === undefined ? undefined : new Set([member]));
  const [only] = arrays.values();
  if (only !== undefined && arrays.size === 1) return only;
  const names = (await readNpzNames(file)).join(", ");
  throw new DatasetError(
    `Cannot read "${path}": it has the arrays ${names || "(none)"}; name one of them as in "${file}:NAME"`,
  );
}

/** Names of the arrays of a .npz. */
export async function readNpzNames(path: string): Promise<string[]> {
  const names: string[] = [];
  unzip(await readDataFile(path), path, (member) => {
    if (member.endsWith(".npy")) names.push(arrayName(member));
    return false;
  });
  return names;
}

function unzipped(
  bytes: Uint8Array,
  path: string,
  wanted: ReadonlySet<string> | undefined,
): Record<string, Uint8Array> {
  const isWanted = (member: string) => member.endsWith(".npy") && wanted?.has(arrayName(member)) !== false;
  let total = 0;
  // All sizes are known before anything is inflated.
  unzip(bytes, path, (member, packed, size) => {
    if (!isWanted(member)) return false;
    if (size > MAX_MEMBER_BYTES || size > packed * MAX_DEFLATE_RATIO + 64) {
      throw new DatasetError(
        `Cannot read "${path}": its member "${member}" claims ${size} bytes out of ${packed}; unpack it into .npy files`,
      );
    }
    total += size;
    return false;
  });
  if (total > MAX_TOTAL_BYTES) {
    throw new DatasetError(`Cannot read "${path}": its arrays take ${total} bytes together; unpack it into .npy files`);
  }
  return unzip(bytes, path, isWanted);
}

/** A member is held inflated in memory. */
const MAX_MEMBER_BYTES = 2 ** 31;

/** All that are read are held at once; several may be made of the same packed bytes. */
const MAX_TOTAL_BYTES = 2 ** 32;

function unzip(
  bytes: Uint8Array,
  path: string,
  filter: (member: string, packed: number, size: number) => boolean,
): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes, { filter: ({ name, size, originalSize }) => filter(name, size, originalSize) });
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(`Cannot read "${path}": it is no whole zip file (${found})`, { cause });
  }
}

function arrayName(member: string): string {
  return member.replace(/\.npy$/, "");
}
