/** GPU memory of activations beside what is alive at once. */
import { loadNetwork, planFor } from "./networks.ts";
import { placeQuantizers } from "./quantized.ts";
import type { Section, Value } from "./section.ts";

const BATCH = 8;
const MIB = 1024 * 1024;

/** Allocated and live bytes of every network, float and with quantizers. */
export const memorySection: Section = {
  name: "memory",
  async run({ gpu, networks, say }) {
    const rows: Value[][] = [];
    for (const network of networks) {
      say(`memory: ${network.name}`);
      const graph = await loadNetwork(network);
      const prepared = placeQuantizers(graph);
      const plans = [
        ["float", planFor(gpu, graph, BATCH).plan],
        ["with quantizers", planFor(gpu, prepared.graph, BATCH, prepared.layout.quantizers).plan],
      ] as const;
      for (const [kind, { values, buffers, steps, liveBytes }] of plans) {
        const bytes = buffers.reduce((sum, byteLength) => sum + byteLength, 0);
        const all = values.reduce((sum, { byteLength }) => sum + byteLength, 0);
        rows.push([
          network.name,
          kind,
          values.length,
          buffers.length,
          all / MIB,
          liveBytes / MIB,
          bytes / MIB,
          bytes / liveBytes,
          steps.filter(({ shared }) => shared.length > 0).length,
        ]);
      }
    }
    return {
      title: `Memory of activations, batch ${BATCH}`,
      columns: [
        "network",
        "plan",
        "values",
        "buffers",
        "all values, MiB",
        "largest live set, MiB",
        "allocated, MiB",
        "ratio",
        "steps in one buffer",
      ],
      rows,
      remarks: ["Steps in one buffer read from a buffer that they write."],
    };
  },
};
