// A classic script in old syntax: it says what the browser lacks, before page.js would fail.
// A browser with both knows all else that page.js uses, its syntax included.
(function () {
  var missing = [];
  if (!window.TextDecoderStream) missing.push("TextDecoderStream");
  if (!Element.prototype.replaceChildren) missing.push("replaceChildren");
  if (!missing.length) return;
  var error = document.getElementById("error");
  error.textContent =
    "The browser must know TextDecoderStream and replaceChildren. Received: one without " +
    missing.join(" and ") + ". Open the page in Chrome or Edge 86, Firefox 105, Safari 14.1 or later.";
  error.hidden = false;
})();
