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

/** Opens a page and evaluates an expression in it until it is truthy; gives its value. Throws after `timeoutMs`. */
export async function waitForPage(
  browser: string,
  url: string,
  expression: string,
  { flags = [], timeoutMs = 120_000 }: { readonly flags?: readonly string[]; readonly timeoutMs?: number } = {},
): Promise<unknown> {
  const profile = await Deno.makeTempDir();
  const child = new Deno.Command(browser, {
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-background-networking",
      `--user-data-dir=${profile}`,
      "--remote-debugging-port=0",
      ...flags,
      url,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const end = performance.now() + timeoutMs;
  try {
    const socket = await connect(profile, url, end);
    try {
      while (performance.now() < end) {
        const value = await evaluate(socket, expression);
        if (value) return value;
        await delay(250);
      }
      throw new Error(
        `Cannot wait for ${url}: "${expression}" stayed ${await evaluate(socket, "document.body.innerText")}`,
      );
    } finally {
      socket.close();
    }
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(profile, { recursive: true }).catch(() => {});
  }
}

/** The page's debugging socket: the browser writes its port into the profile once it listens. */
async function connect(profile: string, url: string, end: number): Promise<WebSocket> {
  while (performance.now() < end) {
    const port = await Deno.readTextFile(`${profile}/DevToolsActivePort`).then((text) => text.split("\n")[0], () => "");
    const pages = port ? await fetch(`http://localhost:${port}/json`).then((answer) => answer.json(), () => []) : [];
    const page = (pages as { url: string; webSocketDebuggerUrl: string }[]).find((one) => one.url === url);
    if (!page) {
      await delay(100);
      continue;
    }
    const socket = new WebSocket(page.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return socket;
  }
  throw new Error(`Cannot open ${url}: the browser did not start in time`);
}

async function evaluate(socket: WebSocket, expression: string): Promise<unknown> {
  const id = Math.floor(performance.now() * 1000);
  const answer = new Promise<unknown>((resolve) => {
    const listen = ({ data }: MessageEvent<string>) => {
      const message = JSON.parse(data) as { id?: number; result?: { result?: { value?: unknown } } };
      if (message.id !== id) return;
      socket.removeEventListener("message", listen);
      resolve(message.result?.result?.value);
    };
    socket.addEventListener("message", listen);
  });
  socket.send(JSON.stringify({ id, method: "Runtime.evaluate", params: { expression, returnByValue: true } }));
  return await answer;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
