/** Measures the tiles of a network's layers, so that later plans take the fastest. */
import { ShaderError } from "../base/errors.ts";
import type {
  BlockShape,
  BlockTile,
  ConvShape,
  MatmulShape,
  MatmulTile,
  Tile,
  TileChoice,
} from "../base/kernel_target.ts";
import { type HostTensor, knownTensor, type TensorType } from "../base/tensor.ts";
import { numbersOf } from "../base/tile_table.ts";
import type { Gpu } from "../gpu/device.ts";
import type { PipelineCache } from "../gpu/pipelines.ts";
import { PassTimer } from "../gpu/timing.ts";
import { inferTypes, type TypedGraph } from "../ops/infer.ts";
import type { ResolvedNode } from "../ops/resolve.ts";
import { blockTiles, convTiles, matmulTiles } from "../ops/tiles.ts";
import { buildPlan } from "../plan/build.ts";
import { Session } from "./session.ts";

/** Time after which no further shape is measured, in ms. */
export const TUNING_BUDGET = 2000;

/** Runs of a layer with each tile, after one that compiles it. */
const RUNS = 4;

/** Share of the default tile's time that another one has to save: less is noise. */
const WORTH_IT = 0.03;

type Shape = MatmulShape | ConvShape | BlockShape;

/** A tile that a layer may have. */
interface Option {
  /** Its numbers: what a cache keeps. */
  readonly text: string;
  /** Makes it the tile of every shape of its kind. */
  readonly everywhere: TileChoice;
  /** Makes it the tile of its shape from here on. */
  choose(): void;
}

/** A shape without a tile, and a node that has it. */
interface OpenShape {
  readonly key: string;
  readonly node: ResolvedNode;
  readonly options: readonly Option[];
  /** Multiply-accumulates of all nodes of this shape. */
  work: number;
}

/** What a tuner works with. */
export interface Tuning {
  readonly gpu: Gpu;
  readonly pipelines: PipelineCache;
  /** Tiles known from before: shape → numbers. What was measured is added. */
  readonly known: Map<string, string>;
  /** ms. */
  readonly budget?: number;
  /** Called before each shape that is measured. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Chooses tiles for a network's layers: those known, then by measurement, the most expensive layers first, until the budget is used up.
 * What it does not come to keeps the default tile. Gives the number of shapes measured.
 */
export async function tuneTiles(typed: TypedGraph, tuning: Tuning): Promise<number> {
  const { gpu, known, budget = TUNING_BUDGET, onProgress } = tuning;
  const unknown = openShapes(typed, gpu).filter(({ key, options }) => {
    const option = options.find(({ text }) => text === known.get(key));
    option?.choose();
    return !option;
  });
  if (!gpu.device.features.has("timestamp-query") || gpu.profiler) return 0;
  const start = performance.now();
  let measured = 0;
  // One shape is measured whatever it takes: slow compilers get on too, a shape per run.
  const isOver = () => measured > 0 && performance.now() - start > budget;
  for (const shape of unknown.sort((a, b) => b.work - a.work)) {
    if (isOver()) break;
    onProgress?.(measured, unknown.length);
    const best = await fastest(typed, shape, tuning, isOver);
    if (!best) break;
    best.choose();
    known.set(shape.key, best.text);
    measured++;
  }
  return measured;
}

/** Shapes of the network's layers that have more than one tile and none chosen. */
function openShapes({ nodes, types }: TypedGraph, { kernelTarget, tiles }: Gpu): OpenShape[] {
  const shapes = new Map<string, OpenShape>();
  for (const resolved of nodes) {
    const { node, operator, attributes } = resolved;
    const inputs = node.inputs.map((name) => name === "" ? undefined : types.get(name));
    const outputs = node.outputs.map((name) => types.get(name)!);
    if (outputs.every((output) => output?.value)) continue;
    const work = operator.macs?.(inputs, outputs, attributes) ?? 0;
    const offer = (kind: string, shape: Shape, options: readonly Option[]): undefined => {
      const key = `${kind} ${numbersOf(shape)}`;
      const open = shapes.get(key);
      if (open) open.work += work;
      else if (options.length > 1) shapes.set(key, { key, node: resolved, options, work });
    };
    const recorder: TileChoice = {
      matmul: (shape) =>
        tiles.matmul(shape) ?? offer(
          "matmul",
          shape,
          optionsOf(
            matmulTiles(shape, kernelTarget),
            (tile) => ({ matmul: () => tile }),
            (tile) => tiles.setMatmul(shape, tile),
          ),
        ),
      conv: (shape) =>
        tiles.conv(shape) ?? offer(
          "conv",
          shape,
          optionsOf(convTiles(shape, kernelTarget), (tile) => ({
            conv: () => tile,
          }), (tile) => tiles.setConv(shape, tile)),
        ),
      block: (shape) =>
        tiles.block(shape) ?? offer(
          "block",
          shape,
          optionsOf(
            blockTiles(shape, kernelTarget),
            (tile) => ({ block: () => tile }),
            (tile) => tiles.setBlock(shape, tile),
          ),
        ),
    };
    operator.lower(inputs, outputs, attributes, { ...kernelTarget, tiles: recorder });
  }
  return [...shapes.values()];
}

function optionsOf<T extends MatmulTile | Tile | BlockTile>(
  tiles: readonly T[],
  everywhere: (tile: T) => TileChoice,
  choose: (tile: T) => void,
): Option[] {
  return tiles.map((tile) => ({
    text: numbersOf(tile),
    everywhere: everywhere(tile),
    choose: () => choose(tile),
  }));
}

/** The option to take, the first one unless another is clearly faster; undefined where time ran out before all were measured. */
async function fastest(
  typed: TypedGraph,
  { node, options }: OpenShape,
  { gpu, pipelines }: Tuning,
  isOver: () => boolean,
): Promise<Option | undefined> {
  const alone = isolate(typed, node);
  let best: { option: Option; time: number } | undefined;
  for (const option of options) {
    if (isOver()) return undefined;
    const time = await timeOf(gpu, pipelines, alone, option.everywhere);
    if (time !== undefined && (!best || time < (1 - WORTH_IT) * best.time)) best = { option, time };
  }
  return best?.option;
}

/** A network of one node of a network; what was known in that one stays known. */
function isolate({ graph, types }: TypedGraph, { node }: ResolvedNode): TypedGraph {
  const initializers = new Map<string, HostTensor>();
  const inputs = new Map<string, TensorType>();
  for (const name of node.inputs) {
    const type = types.get(name);
    const tensor = type && knownTensor(type);
    if (tensor) initializers.set(name, tensor);
    else if (type) inputs.set(name, type);
  }
  const infos = (entries: Iterable<[string, TensorType]>) =>
    [...entries].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const outputs = node.outputs.flatMap((name): [string, TensorType][] => name === "" ? [] : [[name, types.get(name)!]]);
  return inferTypes(
    { ...graph, nodes: [node], initializers, inputs: infos(inputs), outputs: infos(outputs) },
    inputs,
  );
}

/** Ticks of the fastest run; undefined where the driver refuses the kernel. */
async function timeOf(
  gpu: Gpu,
  pipelines: PipelineCache,
  typed: TypedGraph,
  tiles: TileChoice,
): Promise<number | undefined> {
  try {
    const plan = buildPlan(typed, [], { target: { ...gpu.kernelTarget, tiles } });
    using session = await Session.create(gpu, pipelines, plan);
    using timer = new PassTimer(gpu, 2 * (RUNS + 1));
    for (let run = 0; run <= RUNS; run++) {
      const encoder = gpu.device.createCommandEncoder();
      encoder.beginComputePass({ timestampWrites: timer.next() }).end();
      session.encode(encoder);
      encoder.beginComputePass({ timestampWrites: timer.next() }).end();
      gpu.device.queue.submit([encoder.finish()]);
    }
    const marks = await timer.read(1);
    const times = Array.from({ length: RUNS }, (_, run) => marks[2 * run + 3]!.start - marks[2 * run + 2]!.start);
    return Math.min(...times);
  } catch (error) {
    if (error instanceof ShaderError) return undefined;
    throw error;
  }
}
