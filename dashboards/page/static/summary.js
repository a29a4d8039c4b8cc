// A chart as a few sentences for screen readers. The table view has all numbers.
import { shown } from "./format.js";
import { bySeries, roles } from "./rows.js";
import { bucketText } from "./zone.js";

const MAX_ITEMS = 6;

/** What the chart of a panel shows. */
export function summary(panel, rows, context) {
  const { values } = roles(panel.columns);
  if (panel.kind === "line" || panel.kind === "stack") return overTime(panel, rows, context, values[0]);
  if (panel.kind === "heatmap") return heat(panel, rows, context, values[0]);
  return list(panel, rows, context, values[0]);
}

function overTime(panel, rows, context, value) {
  const { x } = roles(panel.columns);
  const when = (row) => bucketText(Date.parse(row[x]), context.zone, context.selection.bucket);
  const sentences = [...bySeries(panel, rows, value)].slice(0, MAX_ITEMS).map(([name, group]) => {
    const known = group.filter((row) => row[value.at] !== null);
    if (!known.length) return `${name}: no numbers.`;
    const text = (row) => `${shown(row[value.at], value.column.unit, context)} on ${when(row)}`;
    const ordered = [...known].sort((a, b) => a[value.at] - b[value.at]);
    return `${name}: last ${text(known.at(-1))}, lowest ${text(ordered[0])}, highest ${text(ordered.at(-1))}.`;
  });
  const kind = panel.kind === "line" ? "Line chart" : "Stacked bars";
  return `${kind} by ${context.selection.bucket}. ${sentences.join(" ")}`;
}

function heat(panel, rows, context, value) {
  const known = rows.filter((row) => row[value.at] !== null).sort((a, b) => b[value.at] - a[value.at]);
  const { x, y } = roles(panel.columns);
  const text = (row) => `${shown(row[value.at], value.column.unit, context)} at ${panel.columns[y].title} ${row[y]}, ${panel.columns[x].title} ${row[x]}`;
  return `Heat map with ${known.length} cells. Highest ${text(known[0])}. Lowest ${text(known.at(-1))}.`;
}

function list(panel, rows, context, value) {
  const { x } = roles(panel.columns);
  const items = rows.slice(0, MAX_ITEMS).map((row) => `${row[x] || "none"}: ${shown(row[value.at], value.column.unit, context)}`);
  const left = rows.length - items.length;
  return `Bars. ${items.join("; ")}${left > 0 ? `; and ${left} more` : ""}.`;
}
