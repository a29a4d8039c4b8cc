// Rows as a sortable table, with marks beyond a threshold and bars under shares.
import { fill, h, icon } from "./dom.js";
import { NUMERIC, allMidnights, exactly, shown } from "./format.js";
import { beyond, limited } from "./rows.js";

const AT_ONCE = 100;

/** A table of all columns. `kept` preserves the sorting and the number of shown rows over refreshes. */
export function table(panel, rows, context, kept) {
  const dayOnly = panel.columns.map((_, at) => panel.columns[at].unit === "time" && allMidnights(rows.map((row) => row[at]), context.zone));
  const body = h("tbody");
  const more = h("button", { class: "button more-rows", type: "button" });
  const heads = panel.columns.map((column, at) => head(column, at, kept, draw));
  const made = h("table", {},
    h("caption", { class: "unseen" }, `${panel.title}, ${rows.length} rows`),
    h("thead", {}, h("tr", {}, heads)), body);

  function draw() {
    heads.forEach((cell, at) => mark(cell, at, kept));
    const sorted = sort(rows, kept);
    fill(body, sorted.slice(0, kept.rows ?? AT_ONCE).map((row) => line(panel, row, context, dayOnly)));
    const left = rows.length - (kept.rows ?? AT_ONCE);
    more.hidden = left <= 0;
    more.textContent = left > AT_ONCE ? `Show ${AT_ONCE} more of ${left}` : `Show the last ${left}`;
  }
  more.addEventListener("click", () => {
    kept.rows = (kept.rows ?? AT_ONCE) + AT_ONCE;
    draw();
  });
  draw();
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${panel.title}, table` }, made);
  return [scroll, more];
}

function head(column, at, kept, draw) {
  const button = h("button", { type: "button" }, column.title, h("span", { class: "turn", "aria-hidden": "true" }));
  button.addEventListener("click", () => {
    const turned = kept.sort?.at === at && kept.sort.down === NUMERIC.has(column.unit);
    kept.sort = { at, down: turned ? !kept.sort.down : NUMERIC.has(column.unit) };
    draw();
  });
  return h("th", { scope: "col", class: NUMERIC.has(column.unit) ? "number" : null }, button);
}

function mark(cell, at, kept) {
  const here = kept.sort?.at === at;
  cell.setAttribute("aria-sort", here ? (kept.sort.down ? "descending" : "ascending") : "none");
  cell.querySelector(".turn").textContent = here ? (kept.sort.down ? "▼" : "▲") : "";
}

function sort(rows, kept) {
  if (!kept.sort) return rows;
  const { at, down } = kept.sort;
  const sign = down ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [one[at], other[at]];
    if (a === null || b === null) return (a === null) - (b === null); // unknown values come last in both orders
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en"));
  });
}

function line(panel, row, context, dayOnly) {
  const red = limited(panel);
  return h("tr", {}, panel.columns.map((column, at) => {
    const value = row[at];
    if (column.unit === "mark") return h("td", {}, value ? young() : null);
    const bad = at === red && beyond(panel.threshold, value);
    const text = shown(value, column.unit, { ...context, exact: true, dayOnly: dayOnly[at] });
    return h("td", { class: kind(column, bad, text), title: exactly(value, column.unit) },
      bad && h("span", { title: "beyond the threshold" }, "! "), text || (column.unit === "text" ? nothing() : ""), bar(column, value));
  }));
}

const SHORT = /^\S{1,26}$/; // short names are not wrapped

function kind(column, bad, text) {
  const name = NUMERIC.has(column.unit) ? "number" : column.unit === "time" ? "time" : SHORT.test(text) ? "words short" : "words";
  return bad ? `${name} bad` : name;
}

const young = () => h("span", { class: "badge provisional", title: "Recent messages can still change this row" }, icon("clock"), h("span", { class: "unseen" }, "provisional"));

const nothing = () => h("span", { class: "none" }, h("span", { "aria-hidden": "true" }, "–"), h("span", { class: "unseen" }, "none"));

function bar(column, value) {
  if (column.unit !== "share" || value === null || value < 0 || value > 1) return null;
  const made = h("span", { class: "bar" });
  made.style.setProperty("--part", `${value * 100}%`);
  return made;
}
