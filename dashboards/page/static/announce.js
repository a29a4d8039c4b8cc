// Announcements for screen readers, through a polite live region. A repeated text is announced once.

const region = document.getElementById("polite");
let last = "";

export function announce(text) {
  if (text === last) return;
  last = text;
  region.textContent = text;
}
