/**
 * Bundles the page and serves it with the embedded network: open the address that it prints in a browser with WebGPU.
 *
 *     deno run -A examples/web_page/serve.ts [PORT [MODEL.onnx]]
 */
const [
  port = "8000",
  model = new URL("../../models/fashion_mnist/mobilenet_v3_fashion.onnx", import.meta.url).pathname,
] = Deno.args;

const folder = new URL("./", import.meta.url);
const data = new URL("../../models/fashion_mnist/", import.meta.url);

/** The page's script and all that it imports, kernels included, as one file. */
async function bundle(): Promise<Uint8Array> {
  const output = await Deno.makeTempFile({ suffix: ".js" });
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "-o", output, new URL("page.ts", folder).pathname],
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle the page: ${new TextDecoder().decode(stderr)}`);
  return await Deno.readFile(output).finally(() => Deno.remove(output));
}

const script = await bundle();
const html = await Deno.readFile(new URL("index.html", folder));
const files: Readonly<Record<string, readonly [string, () => BodyInit | Promise<BodyInit>]>> = {
  "/": ["text/html", () => html],
  "/page.js": ["text/javascript", () => new Uint8Array(script)],
  "/model.onnx": ["application/octet-stream", () => Deno.readFile(model)],
  "/images.gz": ["application/octet-stream", () => Deno.readFile(new URL("t10k-images-idx3-ubyte.gz", data))],
  "/labels.gz": ["application/octet-stream", () => Deno.readFile(new URL("t10k-labels-idx1-ubyte.gz", data))],
  "/classes.txt": ["text/plain", () => Deno.readFile(new URL("classes.txt", data))],
};

Deno.serve({
  port: Number(port),
  hostname: "localhost",
  onListen: ({ port }) => console.log(`http://localhost:${port}/`),
}, async (request) => {
  const file = files[new URL(request.url).pathname];
  if (!file) return new Response("Not found", { status: 404 });
  const [type, read] = file;
  return new Response(await read(), { headers: { "content-type": type } });
});
