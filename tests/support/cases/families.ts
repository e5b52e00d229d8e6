/** Cases of every operator by the thousand, drawn and shrunk by fast-check. Knows forms of operands, no kernel. */
import type { Families } from "./drawing.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { INDEXING } from "./indexing.ts";
import { MOVEMENT } from "./movement.ts";
import { NORMALIZATION } from "./normalizations.ts";
import { PRODUCTS } from "./products.ts";
import { REDUCING } from "./reductions.ts";
import { WINDOWS } from "./windows.ts";

/** All families; an operator may be in several. */
export const FAMILIES: Families = {
  ...ELEMENTWISE,
  ...REDUCING,
  ...MOVEMENT,
  ...INDEXING,
  ...WINDOWS,
  ...NORMALIZATION,
  ...PRODUCTS,
};
