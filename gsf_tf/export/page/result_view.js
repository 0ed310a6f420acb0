// What the page shows of a result. Names of classes and files are set as text, never as HTML.

const SHOWN = 5;

/** The classes of the largest probabilities: [{name, probability}], the most probable first. */
export function topClasses(labels, probabilities) {
  return labels
    .map((name, i) => ({ name, probability: probabilities[i] }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, SHOWN);
}

/** A share in percent, with one digit behind the point. */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Fills the list of the most probable classes. */
export function showClasses(list, classes) {
  list.replaceChildren(
    ...classes.map(({ name, probability }) => {
      const bar = element("span", { className: "bar" }, element("span"));
      bar.firstChild.style.inlineSize = `${100 * probability}%`;
      bar.ariaHidden = "true";
      return element(
        "li",
        {},
        element("span", { className: "name", textContent: name }),
        element("span", { className: "value", textContent: percent(probability) }),
        bar,
      );
    }),
  );
}

/** Fills the strip of what the model has seen. */
export function showFrames(list, clip, seconds) {
  list.replaceChildren(
    ...clip.frames.map((frame, i) => {
      const canvas = element("canvas", { width: frame.width, height: frame.height });
      canvas.getContext("2d").putImageData(imageOf(frame), 0, 0);
      canvas.role = "img";
      canvas.ariaLabel = `Frame ${i + 1} of ${clip.frames.length}`;
      const time = seconds(clip.positions[i]);
      const when = time === undefined ? `${clip.positions[i]}` : `${time.toFixed(2)} s`;
      const caption = element("figcaption", { textContent: when });
      return element("li", {}, element("figure", {}, canvas, caption));
    }),
  );
}

function imageOf({ data, width, height }) {
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    image.data.set(data.subarray(from, from + 3), to);
    image.data[to + 3] = 255;
  }
  return image;
}

/** Makes an element. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
