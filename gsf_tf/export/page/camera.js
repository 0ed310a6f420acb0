// The webcam: a preview, and the frames of a few seconds.

import { Reason } from "./reason.js";

const SENTENCES = {
  NotAllowedError:
    "The browser does not let this page use the camera. Allow the camera for this page in the " +
    "address bar, and press the button again.",
  NotFoundError: "There is no camera that the browser can see. Connect one, or choose a video.",
  NotReadableError: "The camera cannot be opened; another program may be using it.",
};
const DISCONNECTED =
  "The camera was disconnected. Connect it, and press “Use the webcam” to open it again.";
const SILENT =
  "The camera gives no picture. Look whether it is switched off or used by another program, keep " +
  "this page in front, and try again.";
const PATIENCE = 5000; // Milliseconds to wait for a picture.

/** Waits for a promise, but not longer than for a camera that gives no picture. */
function inTime(promise) {
  let timer = null;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Reason(SILENT)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Makes a sentence of an error that is none. */
function asReason(error, sentence) {
  return error instanceof Reason ? error : new Reason(`${sentence} (${error.message ?? error}).`);
}

/**
 * Shows the camera in a video element.
 *
 * @returns A function that switches the camera off.
 */
export async function openCamera(element) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Reason(
      "Browsers give the camera only to pages from https:// addresses or from localhost. Choose a " +
        "video instead.",
    );
  }
  const stream = await navigator.mediaDevices
    .getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false })
    .catch((error) => {
      throw new Reason(SENTENCES[error.name] ?? `The camera cannot be opened: ${error.message}`);
    });
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    element.srcObject = null;
  };
  element.srcObject = stream;
  try {
    await inTime(element.play());
  } catch (error) {
    close();
    throw asReason(error, "The picture of the camera cannot be shown");
  }
  return close;
}

/**
 * Keeps the frames that a video element shows.
 *
 * @param element The video element.
 * @param seconds For how long.
 * @param progress Function of the seconds that are over.
 * @returns Array of {bitmap, seconds}.
 */
export async function record(element, seconds, progress) {
  const [track] = element.srcObject.getVideoTracks();
  const next = element.requestVideoFrameCallback?.bind(element) ?? requestAnimationFrame;
  const recorded = [];
  const start = performance.now();
  try {
    for (;;) {
      await nextFrame(track, next);
      const passed = (performance.now() - start) / 1000;
      if (passed >= seconds && recorded.length) return recorded;
      recorded.push({ bitmap: await createImageBitmap(element), seconds: passed });
      progress(Math.min(passed, seconds));
    }
  } catch (error) {
    recorded.forEach(({ bitmap }) => bitmap.close());
    throw asReason(error, "The picture of the camera cannot be read");
  }
}

/** Waits until the camera has given another picture. */
async function nextFrame(track, next) {
  let end = null;
  const frame = new Promise((resolve, reject) => {
    end = () => reject(new Reason(DISCONNECTED));
    track.addEventListener("ended", end);
    // Of a track that has ended already, no event tells.
    if (track.readyState === "ended") end();
    else next(resolve);
  });
  await inTime(frame).finally(() => track.removeEventListener("ended", end));
}
