// Frames of a video file. Mediabunny reads the container, so that the number of frames and their
// times are known before anything is decoded; the browser decodes.

import { ALL_FORMATS, BlobSource, EncodedPacketSink, Input, VideoSampleSink } from "mediabunny";

import { hasPlanes, pictureOfPlanes } from "./planes.js";
import { Reason } from "./reason.js";
import { scaleShortSide, turn } from "./scaling.js";

/**
 * Opens a video.
 *
 * @param file A File or Blob.
 * @returns {numFrames, seconds, eachPicture, close}, as makeClip takes it.
 */
export async function openVideoFile(file) {
  if (!file.size) throw new Reason(`${file.name} is empty.`);
  const input = new Input({ formats: ALL_FORMATS, source: new BlobSource(file) });
  const track = await firstVideoTrack(input, file.name);
  const times = await frameTimes(track, file.name);
  return {
    numFrames: times.length,
    seconds: (position) => times[position],
    eachPicture: (positions, shortSide, take) =>
      decode({ track, name: file.name, times, shortSide }, positions, take),
    close: () => input.dispose(),
  };
}

async function firstVideoTrack(input, name) {
  if (!(await input.canRead().catch(() => false))) {
    throw new Reason(
      `${name} is not a video that this page can read. It reads MP4, MOV, WebM, Matroska and ` +
        "MPEG-TS. A file that is damaged at its beginning, or was cut off, is refused as well.",
    );
  }
  const track = await input.getPrimaryVideoTrack().catch((error) => {
    throw new Reason(`${name} is damaged: ${plain(error)}`);
  });
  if (!track) throw new Reason(`${name} has no video in it, only sound or nothing.`);
  if (!(await track.canDecode().catch(() => false))) {
    const codec = (await track.getCodec()) ?? "an unknown codec";
    throw new Reason(
      `This browser cannot decode the video of ${name} (${codec}). Try another browser, or convert ` +
        "the video to H.264 in MP4.",
    );
  }
  return track;
}

async function frameTimes(track, name) {
  const times = [];
  try {
    const options = { metadataOnly: true };
    for await (const packet of new EncodedPacketSink(track).packets(undefined, undefined, options)) {
      times.push(packet.timestamp);
    }
  } catch (error) {
    throw new Reason(`${name} is damaged behind its frame ${times.length}: ${plain(error)}`);
  }
  // What lies before 0 was cut away by an edit list, and no player shows it.
  const shown = times.some((time) => time >= 0) ? times.filter((time) => time >= 0) : times;
  if (!shown.length) throw new Reason(`${name} has no frame in it.`);
  return shown.sort((a, b) => a - b);
}

async function decode({ track, name, times, shortSide }, positions, take) {
  let done = 0;
  try {
    const colors = await track.getColorSpace();
    const wanted = positions.map((position) => times[position]);
    for await (const sample of new VideoSampleSink(track).samplesAtTimestamps(wanted)) {
      if (!sample) throw new Error("the browser returned no picture");
      try {
        const picture = await pictureOf(sample, shortSide, colors);
        take(positions[done], turn(picture, sample.rotation, sample.flip));
      } finally {
        sample.close();
      }
      done += 1;
    }
    if (done < positions.length) throw new Error("the video ends early");
  } catch (error) {
    throw new Reason(
      `The browser could not decode frame ${positions[done]} of ${name}: ${plain(error)} The file ` +
        "may be damaged or cut off.",
    );
  }
}

/** The RGB picture of a frame, not turned; a sample aspect ratio is ignored, as in training. */
async function pictureOf(sample, shortSide, colors) {
  if (hasPlanes(sample)) return pictureOfPlanes(sample, shortSide, colors);
  // Of other formats, such as those with ten bits, the browser makes RGB.
  const { width, height } = sample.visibleRect;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  const frame = sample.toVideoFrame();
  try {
    context.drawImage(frame, 0, 0, width, height);
  } finally {
    frame.close();
  }
  return scaleShortSide(pixelsOf(context), shortSide);
}

/** The picture on a canvas. */
export function pixelsOf(context) {
  const { width, height } = context.canvas;
  return { data: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
}

function plain(error) {
  const text = String(error?.message ?? error).trim();
  return /[.!?]\)?$/.test(text) ? text : `${text}.`;
}
