/** What the adapter can do, for people who ask why a run is slow or fails. */
import type { Runtime } from "./runtime.ts";

/** The adapter in use, with what it offers and what the project asks of it. */
export interface DeviceDescription {
  /** Adapter's own description: for most drivers the name of the GPU and of the driver. */
  readonly description: string;
  /** As the driver gives it: a name, or a number of PCI. */
  readonly vendor: string;
  /** Family of the GPU; empty where the driver does not tell. */
  readonly architecture: string;
  /** Whether the adapter computes on the CPU. */
  readonly isSoftware: boolean;
  /** Names of the WebGPU features that the adapter offers. */
  readonly features: readonly string[];
  /** Limits of the adapter. */
  readonly limits: Readonly<Record<string, number>>;
  /** Bytes of the largest tensor that one binding can hold. */
  readonly largestBinding: number;
}

/**
 * Describes the adapter of an open runtime.
 *
 * ```ts
 * import { describeDevice, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * console.log(describeDevice(runtime).limits);
 * ```
 */
export function describeDevice(runtime: Runtime): DeviceDescription {
  const { adapter, features, adapterLimits, largestBinding } = runtime.gpu;
  const { description, vendor, architecture, isSoftware } = adapter;
  return { description, vendor, architecture, isSoftware, features, limits: adapterLimits, largestBinding };
}
