// A button that opens a menu below itself. The popover API handles Esc, clicks outside and the return of the focus.
import { fill, h, icon } from "./dom.js";

let count = 0;
const buttons = new WeakMap();

/** A menu for a button. `content(close)` returns the content each time the menu opens. */
export function menu(button, content, { label, focus = true } = {}) {
  count += 1;
  const panel = h("div", { class: "menu", popover: "auto", id: `menu-${count}`, role: "group", "aria-label": label });
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", panel.id);
  button.popoverTargetElement = panel;
  panel.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    fill(panel, content(() => panel.hidePopover()));
    // The browser focuses it while opening. At "toggle", slightly later, a quick second Enter would close the menu.
    if (focus) panel.querySelector("input, button, a")?.setAttribute("autofocus", "");
  });
  panel.addEventListener("toggle", (event) => {
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", String(open));
    if (open) place(panel, button);
  });
  panel.addEventListener("keydown", (event) => move(panel, event));
  buttons.set(panel, button);
  button.after(panel);
  return panel;
}

function place(panel, button) {
  const at = button.getBoundingClientRect();
  const size = panel.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8));
  const below = at.bottom + 4;
  const top = below + size.height > innerHeight - 8 ? Math.max(8, Math.min(at.top - size.height - 4, innerHeight - size.height - 8)) : below;
  panel.style.left = `${left}px`;
  panel.style.top = `${top}px`;
}

function move(panel, event) {
  if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const items = [...panel.querySelectorAll(".item, input:not(.item input), .item input")].filter((item) => item.matches("button, a, input"));
  const at = items.indexOf(document.activeElement);
  if (at === -1 || (document.activeElement.type === "date")) return;
  event.preventDefault();
  items[Math.max(0, Math.min(items.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))].focus();
}

// The menu follows its button. Closing it would close a search field when a phone's keyboard moves the page.
addEventListener("scroll", (event) => {
  if (event.target instanceof Element && event.target.closest(".menu")) return;
  document.querySelectorAll(".menu:popover-open").forEach((panel) => place(panel, buttons.get(panel)));
}, { capture: true, passive: true });

/** The button of a filter: its name, the selected value, an arrow. */
export function filterButton(name) {
  const value = h("span", { class: "value" });
  const button = h("button", { class: "button", type: "button" }, h("span", { class: "name" }, name), value, icon("down", "arrow"));
  return { button, value };
}
