// The colour scheme (light, dark or the system's), and the present colours for the charts.
import { fill, h, icon } from "./dom.js";

const ORDER = ["system", "light", "dark"];
const listeners = new Set();
const system = matchMedia("(prefers-color-scheme: dark)");

const chosen = () => document.documentElement.dataset.theme ?? "system";

function set(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    // without storage the choice is kept until the page is closed
  }
  changed();
}

function changed() {
  palette.clear();
  listeners.forEach((listener) => listener());
}

system.addEventListener("change", changed);

/** Calls `listener` after every change of the colours. */
export function onChange(listener) {
  listeners.add(listener);
}

/** Light colours while the page is printed. */
export function printing(begins) {
  if (begins) document.documentElement.dataset.printing = chosen();
  const theme = begins ? "light" : document.documentElement.dataset.printing;
  if (!begins) delete document.documentElement.dataset.printing;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  changed();
}

/** The button that switches between the three schemes. */
export function themeButton() {
  const button = h("button", { class: "button quiet icon", type: "button", id: "theme" });
  const show = () => {
    const now = chosen();
    fill(button, icon(now));
    const next = ORDER[(ORDER.indexOf(now) + 1) % ORDER.length];
    button.setAttribute("aria-label", `Colours: ${now}. Change to ${next}`);
    button.title = `Colours: ${now}`;
  };
  button.addEventListener("click", () => {
    set(ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length]);
    show();
  });
  show();
  return button;
}

const palette = new Map();
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

/** The present value of a colour of tokens.css, as `rgb(...)`. */
export function colour(name) {
  if (!palette.has(name)) {
    probe.style.color = `var(--${name})`;
    palette.set(name, getComputedStyle(probe).color);
  }
  return palette.get(name);
}
