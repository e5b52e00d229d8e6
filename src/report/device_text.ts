/** The adapter as text. */
import { formatBytes, formatTable } from "./table.ts";

/** Vendors by the numbers that Vulkan gives; most are those of PCI. */
const VENDORS: Readonly<Record<number, string>> = {
  0x1002: "AMD",
  0x1010: "Imagination",
  0x106b: "Apple",
  0x10de: "NVIDIA",
  0x13b5: "Arm",
  0x1414: "Microsoft",
  0x14e4: "Broadcom",
  0x1ae0: "Google",
  0x5143: "Qualcomm",
  0x8086: "Intel",
  0x10005: "Mesa",
};

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

/** @internal The adapter, its driver, limits and features. */
export function formatDevice(device: ShownDevice): string {
  const { description, vendor, architecture, isSoftware, features, limits, largestBinding } = device;
  return [
    formatTable([
      ["Adapter", description || "(no name)"],
      ["Kind", isSoftware ? "software, on the CPU" : "hardware"],
      ["Vendor", VENDORS[Number(vendor)] ?? (vendor || "(unknown)")],
      ...(architecture ? [["Architecture", architecture]] : []),
      ["Largest tensor", formatBytes(largestBinding)],
    ]),
    "Limits",
    formatTable(Object.entries(limits).sort(([a], [b]) => a < b ? -1 : 1), "  "),
    "Features",
    ...features.map((feature) => `  ${feature}`),
  ].join("\n");
}
