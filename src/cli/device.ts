/** `device`: which adapter computes. */
import { describeDevice, formatDevice, Runtime } from "../../mod.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Prints adapter, driver, limits and features. */
export async function runDevice(
  context: Context,
  options: CommonOptions & { software?: true | undefined },
): Promise<ExitCode> {
  using runtime = await Runtime.open({ software: options.software ?? false });
  const device = describeDevice(runtime);
  printResult(context, options, formatDevice(device), device);
  return EXIT.ok;
}
