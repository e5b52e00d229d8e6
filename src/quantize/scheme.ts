/** What precision quantizers have: POT's presets, the user's overrides, and what QDQ can express of them. */
import { UsageError } from "../base/errors.ts";

/** POT's presets. */
export type Preset = "performance" | "mixed" | "accuracy";

/** Devices with a table of quantizable operators; `ANY` is that of `CPU`. */
export type TargetDevice = "ANY" | "CPU" | "GPU" | "NPU";

/** Bits, symmetry, granularity and codes of one kind of quantizer, in POT's words. */
export interface QuantizerScheme {
  /** Bits of a code. */
  readonly bits: number;
  /** Whether codes are centred on zero. */
  readonly mode: "symmetric" | "asymmetric";
  /** One scale per output channel, or one in all. */
  readonly granularity: "perchannel" | "pertensor";
  /** Lowest and highest code. Symmetric activations become unsigned where nothing is negative, unless stated as signed. */
  readonly levelLow: number;
  /** Largest code. */
  readonly levelHigh: number;
  /** Whether the user asked for signed codes by a negative `level_low`. */
  readonly signed: boolean;
  /** One zero point for all channels of a weight: what NPUs and QLinearConv demand of asymmetric weights. */
  readonly unifiedZeroPoint: boolean;
}

/** What a user may say about one kind of quantizer. */
export interface SchemeOverride {
  /** Bits of a code. */
  readonly bits?: number;
  /** Whether codes are centred on zero. */
  readonly mode?: "symmetric" | "asymmetric";
  /** One scale per output channel, or one in all. */
  readonly granularity?: "perchannel" | "pertensor";
  /** Smallest code. */
  readonly levelLow?: number;
  /** Largest code. */
  readonly levelHigh?: number;
}

/** Options that decide the schemes. */
export interface SchemeOptions {
  /** Symmetric or asymmetric activations, by POT's name. */
  readonly preset?: Preset;
  /** Whose table of quantizable operators holds. */
  readonly targetDevice?: TargetDevice;
  /** What differs for weights. */
  readonly weights?: SchemeOverride;
  /** What differs for activations. */
  readonly activations?: SchemeOverride;
}

/** The schemes of a network. */
export interface Schemes {
  readonly weights: QuantizerScheme;
  readonly activations: QuantizerScheme;
}

type Mode = QuantizerScheme["mode"];

/** Modes by preset (POT's order of admissible configurations: fastest first, most accurate last). */
const MODES: Readonly<Record<Preset, { readonly weights: Mode; readonly activations: Mode }>> = {
  performance: { weights: "symmetric", activations: "symmetric" },
  mixed: { weights: "symmetric", activations: "asymmetric" },
  accuracy: { weights: "asymmetric", activations: "asymmetric" },
};

/**
 * The preset behind a name as the command line takes it: `symmetric` and `asymmetric` are aliases, and only an NPU keeps
 * `accuracy`, because elsewhere asymmetric weights are slow or not executable at all.
 */
export function presetNamed(name: string, device: TargetDevice): Preset {
  const aliases: Readonly<Record<string, Preset>> = { symmetric: "performance", asymmetric: "accuracy" };
  const preset = aliases[name] ?? name;
  if (preset === "accuracy") return device === "NPU" ? "accuracy" : "mixed";
  if (preset === "performance" || preset === "mixed") return preset;
  throw new UsageError(
    `Cannot use preset "${name}": expected performance, mixed, accuracy, symmetric or asymmetric`,
  );
}

/** Resolves presets and overrides; throws UsageError for what QuantizeLinear and DequantizeLinear cannot express. */
export function resolveSchemes(options: SchemeOptions = {}): Schemes {
  const modes = MODES[options.preset ?? "performance"];
  const device = options.targetDevice ?? "ANY";
  const weights = resolveScheme("weights", modes.weights, options.weights ?? {}, device);
  const activations = resolveScheme("activations", modes.activations, options.activations ?? {}, device);
  refuseUndeployable(weights, activations);
  return { weights, activations };
}

function resolveScheme(
  kind: keyof Schemes,
  presetMode: Mode,
  override: SchemeOverride,
  device: TargetDevice,
): QuantizerScheme {
  const bits = override.bits ?? 8;
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new UsageError(`Cannot use ${kind}.bits ${bits}: expected an integer from 2 to 8`);
  }
  const mode = override.mode ?? presetMode;
  const isNarrow = kind === "weights" && mode === "symmetric";
  const levelLow = override.levelLow ?? -(2 ** (bits - 1)) + (isNarrow ? 1 : 0);
  const levelHigh = override.levelHigh ?? 2 ** (bits - 1) - 1;
  if (levelLow > 0 || levelHigh <= levelLow || levelHigh - levelLow >= 2 ** bits) {
    throw new UsageError(
      `Cannot use ${kind}.level_low ${levelLow} and level_high ${levelHigh}: expected a range around 0 of at most ${
        2 ** bits
      } levels`,
    );
  }
  return {
    bits,
    mode,
    granularity: override.granularity ?? (kind === "weights" ? "perchannel" : "pertensor"),
    levelLow,
    levelHigh,
    signed: override.levelLow !== undefined && override.levelLow < 0 && override.levelHigh !== undefined,
    unifiedZeroPoint: kind === "weights" && mode === "asymmetric" && device === "NPU",
  };
}

/** Weights may use fewer codes than int8 has; QuantizeLinear on activations saturates only at the ends of its type. */
function refuseUndeployable(weights: QuantizerScheme, activations: QuantizerScheme): void {
  if (activations.granularity === "perchannel") {
    throw new UsageError(
      'Cannot use activations.granularity "perchannel": QDQ runtimes execute per-tensor activations only, expected "pertensor"',
    );
  }
  if (activations.levelHigh - activations.levelLow !== 255) {
    throw new UsageError(
      `Cannot use activations of ${activations.levelHigh - activations.levelLow + 1} levels: expected 256, ` +
        "the levels that QuantizeLinear saturates at",
    );
  }
  if (weights.levelLow < -128 || weights.levelHigh > 255 || (weights.levelLow < 0 && weights.levelHigh > 127)) {
    throw new UsageError(
      `Cannot use weights.level_low ${weights.levelLow} and level_high ${weights.levelHigh}: expected codes of int8 or uint8`,
    );
  }
}
