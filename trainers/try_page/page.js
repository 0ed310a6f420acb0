// The page of `gsf-tf try`: sends a clip to its server and shows the answers line by line.

const byId = (id) => document.getElementById(id);
const copyOf = (id) => byId(id).content.firstElementChild.cloneNode(true);

const LEGENDS = {
  activation: "Bright: speaks for the class. The maps of all frames have one scale.",
  gate: "Red: the gate is positive. Blue: negative. Plain: near 0, so the features stay in their frame. " +
    "Both halves of a layer have one scale.",
};

let about; // The models and limits, when `ready` is fulfilled.
let ready;
let running = null; // The AbortController of the clip that is being answered.

function say(text) {
  byId("status").textContent = text;
}

function fail(text) {
  byId("error").textContent = text;
  byId("error").hidden = false;
  say("");
}

function megabytes(bytes) {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

function articleOf(model) {
  const article = copyOf("answer");
  article.querySelector(".name").textContent = model.name;
  article.querySelector(".detail").textContent = model.detail;
  return article;
}

function showModels() {
  byId("answers").replaceChildren(...about.models.map(articleOf));
}

function showTop(article, event) {
  const rows = event.top.map(([name, probability]) => {
    const row = copyOf("class");
    const percent = `${(100 * probability).toFixed(1)} %`;
    row.querySelector(".label").textContent = name;
    row.querySelector(".percent").textContent = percent;
    row.querySelector(".bar span").style.width = `${100 * probability}%`;
    return row;
  });
  article.querySelector(".top").replaceChildren(...rows);
  const { read, model } = event.seconds;
  article.querySelector(".time").textContent =
    `${model.toFixed(2)} s for the model, ${read.toFixed(2)} s to read the clip`;
  article.querySelector(".strips").append(stripOf("What the model sees", event.frames, ""));
}

function stripOf(title, frames, legend) {
  const strip = copyOf("strip");
  const images = frames.map((source, index) => {
    const image = new Image();
    image.src = source;
    image.alt = `Frame ${index + 1}`;
    return image;
  });
  strip.querySelector("figcaption").textContent = title;
  strip.querySelector(".frames").setAttribute("aria-label", title);
  strip.querySelector(".frames").append(...images);
  strip.querySelector(".legend").textContent = legend;
  return strip;
}

function showMaps(article, event) {
  const explained = new Set(); // The legend of a kind stands below its first strip.
  const strips = event.maps.map(({ title, frames, kind }) => {
    const legend = explained.has(kind) ? "" : LEGENDS[kind];
    explained.add(kind);
    return stripOf(title, frames, legend);
  });
  article.querySelector(".maps").append(...strips);
  if (event.video) showMoving(article.querySelector(".moving"), event);
  article.querySelector(".notes").append(...event.notes.map((text) => noteOf(text, "note")));
}

function showMoving(figure, event) {
  const video = figure.querySelector("video");
  const title = "In motion: the frames, and what speaks for the answer";
  figure.querySelector("figcaption").textContent = title;
  video.setAttribute("aria-label", title);
  video.autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  video.src = event.video;
  figure.hidden = false;
}

function noteOf(text, kind) {
  const note = document.createElement("p");
  note.className = kind;
  note.textContent = text;
  return note;
}

function show(event) {
  if (!("model" in event)) return fail(event.error);
  const article = byId("answers").children[event.model];
  if (event.error) article.querySelector(".notes").append(noteOf(event.error, "error"));
  else if (event.top) showTop(article, event);
  else showMaps(article, event);
}

async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield* lines;
  }
  if (rest) throw new TypeError("The answer is not complete.");
}

async function answer(clip, name) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  byId("error").hidden = true;
  say(`The models look at ${name} …`);
  byId("answers").setAttribute("aria-busy", "true");
  try {
    await ready;
    if (signal.aborted) return;
    showModels();
    if (clip.size > about.max_bytes) return fail(tooLarge(clip, name));
    const response = await fetch(`clips?name=${encodeURIComponent(name)}`, {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: clip,
      signal,
    });
    if (!response.ok) return fail(await response.text());
    for await (const line of linesOf(response)) show(JSON.parse(line));
    if (byId("error").hidden) say(summary(name));
  } catch (error) {
    if (signal.aborted) return;
    fail(`The server must answer. Received: ${error.message} Look at the terminal of gsf-tf try.`);
  } finally {
    if (!signal.aborted) byId("answers").removeAttribute("aria-busy");
  }
}

function tooLarge(clip, name) {
  return (
    `A file may have ${megabytes(about.max_bytes)}. Received: ${name} with ` +
    `${megabytes(clip.size)}. Cut it, or start gsf-tf try with a larger --max_upload_mb.`
  );
}

function summary(name) {
  const best = about.models.map((model, index) => {
    const label = byId("answers").children[index].querySelector(".label");
    return `${model.name} says ${label ? label.textContent : "nothing"}`;
  });
  return `${name}: ${best.join("; ")}.`;
}

function preview(source) {
  const video = byId("preview");
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.hidden = false;
  video.src = URL.createObjectURL(source);
  video.onerror = () => { video.hidden = true; }; // The server reads more formats than browsers.
  video.play().catch(() => {});
}

function take(file) {
  if (!file) return;
  preview(file);
  answer(file, file.name);
}

async function record() {
  const button = byId("record");
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
    return fail(
      "The browser must let this page use the webcam. It does so only at localhost or over https. " +
        "Choose a file, or open the page on the machine of the server.",
    );
  }
  button.disabled = true;
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: true });
    take(await recorded(stream, 1000 * Number(byId("seconds").value)));
  } catch (error) {
    fail(`The webcam must be there, free and allowed. Received: ${error.message}. Choose a file instead.`);
  } finally {
    stream?.getTracks().forEach((track) => track.stop());
    button.disabled = false;
  }
}

function recorded(stream, milliseconds) {
  const video = byId("preview");
  video.srcObject = stream;
  video.hidden = false;
  video.play().catch(() => {});
  say("Recording …");
  return new Promise((resolve, reject) => {
    const recorder = new MediaRecorder(stream);
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onerror = (event) => reject(event.error);
    recorder.onstop = () => {
      const kind = recorder.mimeType.includes("mp4") ? "mp4" : "webm";
      resolve(new File(parts, `webcam.${kind}`, { type: recorder.mimeType }));
    };
    recorder.start();
    setTimeout(() => recorder.stop(), milliseconds);
  });
}

function listen() {
  const drop = byId("drop");
  byId("file").addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = ""; // So that the same file can be chosen again.
  });
  byId("record").addEventListener("click", record);
  for (const kind of ["dragenter", "dragover"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  addEventListener("dragleave", () => drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  byId("file").disabled = byId("record").disabled = false;
}

async function load() {
  about = await (await fetch("models")).json();
  document.title = `Try a clip: ${about.models.map((model) => model.name).join(", ")}`;
  byId("limit").textContent = `At most ${megabytes(about.max_bytes)}.`;
  showModels();
}

function start() {
  ready = load();
  ready.catch((error) => {
    fail(`The server must answer. Received: ${error.message} Start gsf-tf try again.`);
  });
  listen();
}

if (byId("error").hidden) start(); // Otherwise needs.js has said what the browser lacks.
