// A large number with its terms and its change from the previous period.
import { h } from "./dom.js";
import { change, exactly, shown } from "./format.js";
import { roles } from "./rows.js";
import { dayText } from "./zone.js";

/** The elements of a stat panel: one for each value column of the first row. */
export function stat(panel, row, context) {
  const { values } = roles(panel.columns);
  return values.map((value) => one(value, row, context, values.length > 1));
}

/** The number of lines below the number; their space is reserved while loading. */
export function lines(panel) {
  const [value] = roles(panel.columns).values;
  return Number(value.numerator !== -1 || value.denominator !== -1) + Number(value.before !== -1);
}

function one(value, row, context, named) {
  const { unit, title } = value.column;
  const number = row[value.at];
  return h("div", { class: "stat" },
    named && h("p", { class: "of" }, title),
    h("p", { class: "number", title: exactly(number, unit) }, shown(number, unit, context) || "–"),
    terms(value, row, context),
    changed(value, row, context));
}

/** `11,234 of 11,678`: a share is always shown with its terms. */
function terms(value, row, context) {
  if (value.numerator === -1 && value.denominator === -1) return null;
  const part = (at) => shown(row[at], context.columns[at].unit, { ...context, exact: true });
  const names = [value.numerator, value.denominator].filter((at) => at !== -1).map((at) => context.columns[at].title);
  const text = value.numerator === -1 ? `of ${part(value.denominator)}`
    : value.denominator === -1 ? part(value.numerator) : `${part(value.numerator)} of ${part(value.denominator)}`;
  return h("p", { class: "terms", title: names.join(" / ") }, text);
}

function changed(value, row, context) {
  if (value.before === -1) return null;
  const before = row[value.before];
  const found = change(row[value.at], before, value.column.unit);
  const was = shown(before, value.column.unit, context) || "–";
  const length = Date.parse(context.selection.to) - Date.parse(context.selection.from);
  const start = Date.parse(context.selection.from);
  const period = `${dayText(start - length, context.zone)} to ${dayText(start - 1, context.zone)}`;
  if (!found) return h("p", { class: "change", title: `Previous period, ${period}: ${was}` }, "no earlier data");
  const arrow = found.up > 0 ? "▲" : found.up < 0 ? "▼" : "■";
  const spoken = found.up > 0 ? "up" : found.up < 0 ? "down" : "unchanged";
  return h("p", { class: "change", title: `Previous period, ${period}: ${was}` },
    h("span", { "aria-hidden": "true" }, `${arrow} `), h("span", { class: "unseen" }, `${spoken} `),
    h("b", {}, found.text), ` from ${was}`);
}
