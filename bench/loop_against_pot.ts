/**
 * Compares our loop with POT's rules on invented networks: float groups, float share of the multiply-accumulates, and evaluations
 * spent without any reuse of prefixes. Prints one JSON line per setting. Usage: deno run bench/loop_against_pot.ts [networks]
 */
import { runAccuracyAware } from "../src/accuracy/accuracy_aware.ts";
import { inventedProblem } from "../tests/accuracy/invented_evaluator.ts";

const NETWORKS = Number(Deno.args[0] ?? 100);
const SAMPLES = 500;

for (const mend of [true, false]) {
  for (const interaction of [0, 0.5]) {
    const reverted = { fewer: 0, equal: 0, more: 0 };
    const [ours, pots] = [{ macs: 0, passes: 0 }, { macs: 0, passes: 0 }];
    for (let seed = 1000; seed < 1000 + NETWORKS; seed++) {
      const errors = { groupCount: 30, sampleCount: SAMPLES, seed, candidateCount: 2, interaction, strength: 2 };
      const options = { metrics: [{ name: "accuracy" }], rankingSubsetSize: 60, maximalDrop: 0.01 };
      const our = await runAccuracyAware(inventedProblem(errors), { ...options, mend });
      const pot = await runAccuracyAware(inventedProblem(errors), { ...options, compatibility: "pot" });
      const difference = our.reverted.length - pot.reverted.length;
      reverted[difference < 0 ? "fewer" : difference > 0 ? "more" : "equal"]++;
      ours.macs += our.floatMacs / NETWORKS;
      pots.macs += pot.floatMacs / NETWORKS;
      ours.passes += our.cost.networkEquivalents / SAMPLES / NETWORKS;
      pots.passes += pot.cost.potNetworkEquivalents / SAMPLES / NETWORKS;
    }
    console.log(JSON.stringify({ mend, interaction, reverted, ours, pots }));
  }
}
