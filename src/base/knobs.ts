/** Every environment variable that the project reads or sets; nothing else touches the environment. */

/** One switch: its name in the environment and what it does. */
export interface Knob {
  readonly name: string;
  readonly description: string;
}

/** All switches, for the documentation. */
export const KNOBS = {
  backend: {
    name: "DENO_WEBGPU_BACKEND",
    description: "Graphics APIs that may provide the adapter; vulkan,metal,dx12 unless set (GL computes wrongly)",
  },
  runtimeDirectory: {
    name: "XDG_RUNTIME_DIR",
    description: "Set to the temporary folder when missing, which keeps the Vulkan loader from printing warnings",
  },
  requireAdapter: {
    name: "HOLDFAST_REQUIRE_ADAPTER",
    description: "1 makes tests fail, instead of being skipped, where there is no WebGPU adapter",
  },
  cacheHome: {
    name: "XDG_CACHE_HOME",
    description: "Folder in whose holdfast/ the tiles measured on an adapter are kept; ~/.cache unless set",
  },
  localData: { name: "LOCALAPPDATA", description: "The same on Windows" },
  home: { name: "HOME", description: "Where .cache is looked for" },
} as const satisfies Record<string, Knob>;

/** The value of a switch; undefined where it is unset or reading it is not permitted. */
export function readKnob(knob: Knob): string | undefined {
  return isPermitted(knob) ? Deno.env.get(knob.name) : undefined;
}

/** Sets a switch for this process unless it is set; without permission it stays as it is. */
export function defaultKnob(knob: Knob, value: string): void {
  if (isPermitted(knob) && !Deno.env.get(knob.name)) Deno.env.set(knob.name, value);
}

/** A web page has neither Deno nor an environment. */
function isPermitted(knob: Knob): boolean {
  return "Deno" in globalThis && Deno.permissions.querySync({ name: "env", variable: knob.name }).state === "granted";
}
