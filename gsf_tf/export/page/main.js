// The page: choose a video, or record one, and see what the model says.

import { openCamera, record } from "./camera.js";
import { Classifier, fetchFile } from "./classifier.js";
import { makeClip } from "./clip.js";
import { openPictures, openRecording } from "./pictures.js";
import { Reason } from "./reason.js";
import { element, percent, showClasses, showFrames, topClasses } from "./result_view.js";
import { openVideoFile } from "./video_file.js";

const get = (id) => document.getElementById(id);
let page = null; // The content of page.json.
let loading = null; // Promise of the Classifier.
let busy = false;
let closeCamera = null;

// ---- What the page says ----------------------------------------------------------------------

function say(text, spoken = false) {
  get("status").textContent = text;
  get("status").classList.toggle("spoken", spoken);
}

function complain(error) {
  if (!(error instanceof Reason)) console.error(error);
  const text = error instanceof Reason ? error.message : `Something failed: ${error.message}`;
  get("problem").textContent = text;
  get("problem").hidden = false;
  say("");
}

/** Lets the browser draw, before work that keeps it from drawing. */
const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

/** Runs a task alone, with the buttons switched off; its error becomes a sentence on the page. */
async function alone(task) {
  if (busy) return say("One clip at a time: the last one is not finished yet.");
  busy = true;
  get("problem").hidden = true;
  document.body.classList.add("busy");
  switchButtons(false);
  try {
    await task();
  } catch (error) {
    complain(error);
  } finally {
    busy = false;
    document.body.classList.remove("busy");
    switchButtons(true);
  }
}

function switchButtons(on) {
  for (const name of ["choose", "webcam", "record", "off"]) get(name).disabled = !on;
}

// ---- A clip ----------------------------------------------------------------------------------

async function classify(name, video) {
  try {
    say("Loading the model");
    const classifier = await loading;
    say(`Reading ${name}`);
    await drawn();
    const start = performance.now();
    const clip = await makeClip(video, page.preprocessing);
    const read = performance.now() - start;
    say("The model is looking at the clip");
    await drawn();
    show(name, video, clip, read, classifier.threads, await classifier.run(clip.data));
  } finally {
    video.close();
  }
}

function show(name, video, clip, read, threads, result) {
  const classes = topClasses(page.labels, result.probabilities);
  const repeated = new Set(clip.positions).size < clip.positions.length;
  get("name").textContent = name;
  showClasses(get("classes"), classes);
  showFrames(get("frames"), clip, video.seconds);
  get("short").hidden = !repeated;
  get("short").textContent =
    `The clip has ${video.numFrames} ${video.numFrames === 1 ? "frame" : "frames"} and the model ` +
    `takes ${clip.positions.length}, so some are used more than once.`;
  get("timing").textContent =
    `${milliseconds(result.milliseconds)} in the model (${threads} ` +
    `${threads === 1 ? "thread" : "threads"}), ${milliseconds(read)} to decode, scale and crop ` +
    `${clip.positions.length} of ${video.numFrames} frames`;
  linkResult({ video: name, num_frames: video.numFrames, frames: clip.positions, ...result });
  get("result").hidden = false;
  say(`${classes[0].name}, ${percent(classes[0].probability)}`, true);
}

const milliseconds = (time) => `${Math.max(Math.round(time), 1)} ms`;

/** Offers all numbers of a result as a file. */
function linkResult(result) {
  const text = JSON.stringify({ ...result, labels: page.labels }, null, 1);
  URL.revokeObjectURL(get("save").href);
  get("save").href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
}

// ---- Where a clip comes from -----------------------------------------------------------------

function takeFiles(files) {
  const chosen = [...files];
  if (!chosen.length) return;
  alone(async () => {
    stopCamera();
    get("result").hidden = true;
    preview(null);
    const animated = chosen.find((file) => file.type === "image/gif");
    if (animated) {
      throw new Reason(`Convert ${animated.name} to MP4 first; this page does not read GIF.`);
    }
    const pictures = chosen.filter((file) => file.type.startsWith("image/"));
    if (pictures.length === chosen.length) {
      const [first, ...others] = pictures;
      const name = others.length ? `${pictures.length} pictures` : first.name;
      await classify(name, openPictures(pictures));
    } else if (chosen.length > 1) {
      throw new Reason("Choose one video, or several pictures that are the frames of one.");
    } else {
      const video = await openVideoFile(chosen[0]);
      preview(chosen[0]);
      await classify(chosen[0].name, video);
    }
  });
}

/** Shows the video itself, if there is one and the browser plays it. */
function preview(file) {
  const player = get("player");
  if (player.src) URL.revokeObjectURL(player.src);
  player.removeAttribute("src");
  player.hidden = true;
  if (file) player.src = URL.createObjectURL(file);
}

function stopCamera() {
  closeCamera?.();
  closeCamera = null;
  get("camera").hidden = true;
}

async function startCamera() {
  stopCamera();
  preview(null);
  get("camera").hidden = false;
  try {
    closeCamera = await openCamera(get("view"));
    say("The camera is on. Press “Record” and perform the action.");
  } catch (error) {
    stopCamera();
    throw error;
  }
}

async function recordClip() {
  const seconds = Number(get("seconds").value);
  const left = (passed) => say(`Recording: ${(seconds - passed).toFixed(1)} s left`);
  const recorded = await record(get("view"), seconds, left);
  await classify("Webcam", openRecording(recorded));
}

// ---- Start -----------------------------------------------------------------------------------

function listen() {
  get("choose").addEventListener("click", () => get("file").click());
  get("file").addEventListener("change", () => {
    takeFiles(get("file").files);
    get("file").value = "";
  });
  get("player").addEventListener("loadeddata", () => (get("player").hidden = false));
  get("webcam").addEventListener("click", () => alone(startCamera));
  get("record").addEventListener("click", () => alone(recordClip));
  get("off").addEventListener("click", () => {
    stopCamera();
    say("The camera is off.");
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      document.body.classList.toggle("dropping", kind === "dragenter" || kind === "dragover");
      if (kind === "drop") takeFiles(event.dataTransfer.files);
    });
  }
}

function describe() {
  const { num_segments: frames, image_size: size, sampling } = page.preprocessing;
  const where = sampling === "dense" ? "from the middle of the video" : "spread evenly over the video";
  document.title = get("title").textContent = page.title;
  get("input").textContent =
    `${frames} frames ${where}, each cropped from the center and scaled to ${size[1]} × ${size[0]} ` +
    "pixels.";
  get("count").textContent = `${page.labels.length} classes`;
  get("labels").replaceChildren(...page.labels.map((name) => element("li", { textContent: name })));
}

async function start() {
  page = await (await fetchFile("page.json")).json();
  describe();
  loading = Classifier.load(page.model, page.preprocessing);
  listen();
  say(`Loading the model (${(page.bytes / 1e6).toFixed(1)} MB)`);
  switchButtons(true);
  await loading;
  if (!busy) say("The model is ready.");
}

if (!("unsupported" in document.documentElement.dataset)) start().catch(complain);
