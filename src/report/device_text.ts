/** The adapter as text. */
import { formatBytes, formatTable } from "./table.ts";

/** What is shown of an adapter. */
export interface ShownDevice {
  readonly description: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly isSoftware: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly largestBinding: number;
}

/** The adapter, its driver, limits and features. */
export function formatDevice(device: ShownDevice): string {
  const { description, vendor, architecture, isSoftware, features, limits, largestBinding } = device;
  return [
    formatTable([
      ["Adapter", description || "(no name)"],
      ["Kind", isSoftware ? "software, on the CPU" : "hardware"],
      ["Vendor", vendor || "(unknown)"],
      ...(architecture ? [["Architecture", architecture]] : []),
      ["Largest tensor", formatBytes(largestBinding)],
    ]),
    "Limits",
    formatTable(Object.entries(limits).sort(([a], [b]) => a < b ? -1 : 1), "  "),
    "Features",
    ...features.map((feature) => `  ${feature}`),
  ].join("\n");
}
