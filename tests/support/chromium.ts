/** Headless Chromium, where the machine has one. */

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** What a page left behind. */
export interface LoadedPage {
  /** The document after its scripts ran. */
  readonly dom: string;
  /** What the console showed: errors, refused scripts and loads. */
  readonly console: readonly string[];
}

/** Path of the browser; undefined, with a loud word, where there is none. */
export async function findChromium(): Promise<string | undefined> {
  for (const name of NAMES) {
    for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
      const path = `${folder}/${name}`;
      if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
    }
  }
  console.error("SKIPPED: no Chromium in PATH; install Debian's chromium to look at pages");
  return undefined;
}

/** Loads a page and gives its document and console. */
export async function loadPage(browser: string, url: string, flags: readonly string[] = []): Promise<LoadedPage> {
  const profile = await Deno.makeTempDir();
  try {
    const { stdout, stderr } = await new Deno.Command(browser, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        `--user-data-dir=${profile}`,
        "--enable-logging=stderr",
        ...flags,
        "--dump-dom",
        url,
      ],
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decoder = new TextDecoder();
    const console = decoder.decode(stderr).split("\n").filter((line) => line.includes("CONSOLE"));
    return { dom: decoder.decode(stdout), console };
  } finally {
    await Deno.remove(profile, { recursive: true });
  }
}
