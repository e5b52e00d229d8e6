/**
 * Which quantizers must change precision together, so that no operator is left with some inputs quantized and others not.
 *
 * POT finds, from each FakeQuantize, the set to remove with it (`RemoveFakeQuantize`); those sets may overlap. Here quantizers
 * that meet at an operator are merged, which gives a partition, the same as POT's wherever every input of each quantized
 * operator is quantized.
 */
import type { Node } from "../graph/graph.ts";
import type { Group, Quantizer } from "../graph/quantizer.ts";

/** How a node takes part: computes in int8, hands quantized values on, or neither. */
export type Role = "quantized" | "agnostic" | "other";

/** What grouping needs to know of a quantizer. */
export type Site = Pick<Quantizer, "consumers">;

/** The partition, and what each value that nobody quantizes itself carries. */
export interface Grouping {
  /** In graph order of their first nodes. `quantizers` index the sites. */
  readonly groups: readonly Group[];
  /** Values behind agnostic operators → index of a site whose codes they hold. */
  readonly carried: ReadonlyMap<string, number>;
}

/** Groups sites over nodes in graph order. Groups are named after their first node, which no two groups share. */
export function formGroups(nodes: readonly Node[], sites: readonly Site[], roleOf: (node: Node) => Role): Grouping {
  const parents = sites.map((_, index) => index);
  const find = (site: number): number => {
    while (parents[site] !== site) site = parents[site]!;
    return site;
  };
  const merge = (a: number, b: number) => {
    const [first, second] = [find(a), find(b)];
    parents[Math.max(first, second)] = Math.min(first, second);
  };
  const siteAt = indexOperands(sites);
  const carried = new Map<string, number>();
  const members: { readonly node: Node; readonly site: number }[] = [];
  for (const node of nodes) {
    const role = roleOf(node);
    if (role === "other") continue;
    const met = node.inputs.flatMap((value, input) =>
      siteAt.get(operandKey(node.name, input)) ?? carried.get(value) ?? []
    );
    const [first] = met;
    if (first === undefined) continue;
    for (const site of met) merge(first, site);
    if (role === "quantized") members.push({ node, site: first });
    else for (const output of node.outputs) carried.set(output, first);
  }
  return { groups: collectGroups(members, sites, find), carried };
}

function collectGroups(
  members: readonly { readonly node: Node; readonly site: number }[],
  sites: readonly Site[],
  find: (site: number) => number,
): Group[] {
  const byRoot = new Map<number, { id: number; name: string; quantizers: number[]; nodes: string[] }>();
  for (const { node, site } of members) {
    const root = find(site);
    const group = byRoot.get(root) ?? { id: byRoot.size, name: node.name, quantizers: [], nodes: [] };
    group.nodes.push(node.name);
    byRoot.set(root, group);
  }
  sites.forEach((_, site) => byRoot.get(find(site))?.quantizers.push(site));
  return [...byRoot.values()];
}

function indexOperands(sites: readonly Site[]): Map<string, number> {
  const siteAt = new Map<string, number>();
  sites.forEach(({ consumers }, site) => {
    for (const { node, input } of consumers) siteAt.set(operandKey(node, input), site);
  });
  return siteAt;
}

/** Key of one operand of a node. */
export function operandKey(node: string, input: number): string {
  return `${input}:${node}`;
}
