/** `--profile`: where GPU time goes, into a file. */
import { basename, dirname } from "node:path";
import { encodeProfile, formatProfile, OutputFolder, type Runtime } from "../../mod.ts";
import type { Terminal } from "./terminal.ts";

/** A file that can be written, as was tried out. */
export interface ProfileFile {
  /** Writes what was recorded and says the longest nodes. */
  write(runtime: Runtime, terminal: Terminal): Promise<void>;
}

/** Tries the file's folder out; undefined without a path. */
export async function openProfileFile(path: string | undefined): Promise<ProfileFile | undefined> {
  if (path === undefined) return undefined;
  const folder = await OutputFolder.open(dirname(path));
  return {
    async write(runtime, terminal) {
      const profile = await runtime.readProfile();
      terminal.say(formatProfile(profile));
      terminal.say(`Profile: ${await folder.write(basename(path), encodeProfile(profile))}`);
    },
  };
}
