// The model, which LiteRT.js runs.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

import { Reason } from "./reason.js";

const WASM = new URL("../libraries/litertjs/wasm/", import.meta.url).href;
const WHOLE = "Serve the folder of this page whole, as `gsf-tf export` wrote it.";

/** Fetches a file of the page, or says which one is missing. */
export async function fetchFile(name) {
  const response = await fetch(name).catch(() => null);
  if (!response?.ok) {
    const received = response ? `HTTP ${response.status}` : "no answer";
    throw new Reason(`The file ${name} of this page cannot be loaded (${received}). ${WHOLE}`);
  }
  return response;
}

/** The model of the page. */
export class Classifier {
  #model;
  #shape;

  /** Number of threads that compute. */
  threads;

  constructor(model, shape, threads) {
    this.#model = model;
    this.#shape = shape;
    this.threads = threads;
  }

  /**
   * Loads LiteRT.js and a model.
   *
   * @param file Name of the model's file.
   * @param recipe The content of preprocessing.json.
   */
  static async load(file, { num_segments: numSegments, image_size: [height, width] }) {
    const bytes = new Uint8Array(await (await fetchFile(file)).arrayBuffer());
    const threads = await loadRuntime();
    const options = { accelerator: "wasm", cpuOptions: { numThreads: threads } };
    const model = await loadAndCompile(bytes, options).catch((error) => {
      throw new Reason(`LiteRT.js cannot run ${file} (${error.message ?? error}). ${WHOLE}`);
    });
    return new Classifier(model, [1, numSegments, height, width, 3], threads);
  }

  /**
   * Classifies a clip.
   *
   * @param clip Uint8Array [T, H, W, 3].
   * @returns {logits, probabilities, milliseconds}, all numbers being finite.
   */
  async run(clip) {
    const start = performance.now();
    const input = new Tensor(clip, this.#shape);
    const outputs = await this.#model.run({ clip: input });
    const [logits, probabilities] = ["logits", "probabilities"].map((name) => [
      ...outputs[name].toTypedArray(),
    ]);
    for (const tensor of [input, ...Object.values(outputs)]) tensor.delete();
    if (![...logits, ...probabilities].every(Number.isFinite)) {
      throw new Reason(
        "The model's answer to this clip is not finite numbers. Its weights are damaged, or its " +
          "precision is too low: export it as float32.",
      );
    }
    return { logits, probabilities, milliseconds: performance.now() - start };
  }
}

/** Gives each line of LiteRT's log its level; by default all of them are errors of the console. */
function log(line) {
  const level = /^(VERBOSE|INFO|WARNING):/.exec(line)?.[1];
  const write = { VERBOSE: console.debug, INFO: console.debug, WARNING: console.warn }[level];
  (write ?? console.error)(line);
}

/** Loads LiteRT.js, and returns the number of threads: several where the server isolates pages. */
async function loadRuntime() {
  globalThis.Module = { printErr: log };
  const threads = crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1;
  try {
    await loadLiteRt(WASM, { threads: threads > 1 });
    return threads;
  } catch (error) {
    if (threads > 1) return loadSingleThread();
    throw new Reason(`LiteRT.js cannot be loaded (${error.message ?? "no file"}). ${WHOLE}`);
  }
}

/** Threads need relaxed SIMD, which not every browser has. */
async function loadSingleThread() {
  globalThis.Module = { printErr: log };
  await loadLiteRt(WASM, { threads: false }).catch((error) => {
    throw new Reason(`LiteRT.js cannot be loaded (${error.message ?? "no file"}). ${WHOLE}`);
  });
  return 1;
}
