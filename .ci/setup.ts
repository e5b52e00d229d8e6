/**
 * Makes sure that there is a WebGPU adapter: where none is found and it can be done, Debian's software Vulkan driver is installed.
 * Ends with 1, and a line on what to install, where there is none in the end. With --probe it only looks.
 */
import { openGpu } from "../src/gpu/device.ts";

const PACKAGE = "mesa-vulkan-drivers";

/** The adapter's description; undefined where there is none. */
async function findAdapter(): Promise<string | undefined> {
  try {
    const gpu = await openGpu();
    const { description, isSoftware } = gpu.adapter;
    gpu.destroy();
    return `${description}${isSoftware ? " (software)" : ""}`;
  } catch {
    return undefined;
  }
}

/** Looks again in a new process: this one's Vulkan loader does not see drivers that came after it. */
async function findAdapterAfresh(): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL(import.meta.url).pathname, "--probe"],
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

/** Runs a command quietly; its own words only where it fails. */
async function run(command: string, args: readonly string[]): Promise<boolean> {
  try {
    const { success, stderr } = await new Deno.Command(command, {
      args: [...args],
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) console.error(new TextDecoder().decode(stderr).trim());
    return success;
  } catch {
    return false;
  }
}

function canInstall(): boolean {
  return Deno.build.os === "linux" && Deno.uid() === 0;
}

async function install(): Promise<boolean> {
  console.error(`No WebGPU adapter: installing the software one (${PACKAGE})`);
  const options = ["install", "-y", "--no-install-recommends", PACKAGE];
  if (await run("apt-get", ["-q", "update"]) && await run("apt-get", options)) return await findAdapterAfresh();
  return false;
}

const adapter = await findAdapter();
if (Deno.args.includes("--probe")) Deno.exit(adapter === undefined ? 1 : 0);
if (adapter === undefined && !(canInstall() && await install())) {
  console.error(
    `No WebGPU adapter: install the GPU's Vulkan driver, or for the software one: sudo apt-get install ${PACKAGE}`,
  );
  Deno.exit(1);
}
