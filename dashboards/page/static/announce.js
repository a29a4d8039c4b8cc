// Says things to screen readers, politely and once.

const region = document.getElementById("polite");
let last = "";

export function announce(text) {
  if (text === last) return;
  last = text;
  region.textContent = text;
}
