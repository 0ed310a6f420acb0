// The webcam: a preview, and the frames of a few seconds.

import { Reason } from "./reason.js";

const SENTENCES = {
  NotAllowedError:
    "The browser does not let this page use the camera. Allow the camera for this page in the " +
    "address bar, and press the button again.",
  NotFoundError: "There is no camera that the browser can see. Connect one, or choose a video.",
  NotReadableError: "The camera cannot be opened; another program may be using it.",
};

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
  element.srcObject = stream;
  await element.play();
  return () => {
    stream.getTracks().forEach((track) => track.stop());
    element.srcObject = null;
  };
}

/**
 * Keeps the frames that a video element shows.
 *
 * @param element The video element.
 * @param seconds For how long.
 * @param progress Function of the seconds that are over.
 * @returns Array of {bitmap, seconds}.
 */
export function record(element, seconds, progress) {
  const [track] = element.srcObject.getVideoTracks();
  const next = element.requestVideoFrameCallback?.bind(element) ?? requestAnimationFrame;
  return new Promise((resolve, reject) => {
    const recorded = [];
    const start = performance.now();
    const take = async () => {
      const passed = (performance.now() - start) / 1000;
      if (track.readyState === "ended") return reject(new Reason("The camera was disconnected."));
      if (passed >= seconds && recorded.length) return resolve(recorded);
      recorded.push({ bitmap: await createImageBitmap(element), seconds: passed });
      progress(Math.min(passed, seconds));
      next(take);
    };
    track.addEventListener("ended", () => reject(new Reason("The camera was disconnected.")));
    next(take);
  });
}
