/** Every operator × every case × {fp32, fake-quant} against its reference; knows no operator by name. */
import { OPERATORS } from "../../src/ops/registry.ts";
import { openTestGpu } from "../support/adapter.ts";
import { CaseRunner, dependsOnTarget, producesFloat } from "../support/run_case.ts";

const gpu = await openTestGpu();
const runner = gpu && new CaseRunner(gpu);

for (const operator of OPERATORS) {
  for (const one of operator.cases) {
    const address = `${operator.domain ? `${operator.domain}.` : ""}${operator.type}`;
    Deno.test({
      name: `${address} fp32 ${one.name}`,
      ignore: !runner,
      fn: () => runner!.checkFloat(operator, one),
    });
    if (dependsOnTarget(operator, one)) {
      Deno.test({
        name: `${address} fp32 ${one.name} has the same bits in portable kernels`,
        ignore: !runner || gpu.kernelTarget.lanes === 0,
        fn: () => runner!.checkPortable(operator, one),
      });
    }
    if (!producesFloat(operator, one)) continue;
    Deno.test({
      name: `${address} fake_quant ${one.name}`,
      ignore: !runner,
      fn: () => runner!.checkQuantized(operator, one),
    });
  }
}
