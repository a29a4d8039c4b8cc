// A chart in a few sentences, for those who do not see it. The table view has every number.
import { shown } from "./format.js";
import { bySeries, roles } from "./rows.js";
import { bucketText } from "./zone.js";

const MOST = 6;

/** What the chart of a panel shows. */
export function summary(panel, rows, context) {
  const { values } = roles(panel.columns);
  if (panel.kind === "line" || panel.kind === "stack") return overTime(panel, rows, context, values[0]);
  if (panel.kind === "heatmap") return heat(panel, rows, context, values[0]);
  return list(panel, rows, context, values[0]);
}

function overTime(panel, rows, context, value) {
  const { x } = roles(panel.columns);
  const when = (row) => bucketText(Date.parse(row[x]), context.zone, context.question.bucket);
  const sentences = [...bySeries(panel, rows, value)].slice(0, MOST).map(([name, group]) => {
    const known = group.filter((row) => row[value.at] !== null);
    if (!known.length) return `${name}: no numbers.`;
    const say = (row) => `${shown(row[value.at], value.column.unit, context)} on ${when(row)}`;
    const ordered = [...known].sort((a, b) => a[value.at] - b[value.at]);
    return `${name}: last ${say(known.at(-1))}, lowest ${say(ordered[0])}, highest ${say(ordered.at(-1))}.`;
  });
  const kind = panel.kind === "line" ? "Line chart" : "Stacked bars";
  return `${kind} by ${context.question.bucket}. ${sentences.join(" ")}`;
}

function heat(panel, rows, context, value) {
  const known = rows.filter((row) => row[value.at] !== null).sort((a, b) => b[value.at] - a[value.at]);
  const { x, y } = roles(panel.columns);
  const say = (row) => `${shown(row[value.at], value.column.unit, context)} at ${panel.columns[y].title} ${row[y]}, ${panel.columns[x].title} ${row[x]}`;
  return `Heat map with ${known.length} cells. Highest ${say(known[0])}. Lowest ${say(known.at(-1))}.`;
}

function list(panel, rows, context, value) {
  const { x } = roles(panel.columns);
  const said = rows.slice(0, MOST).map((row) => `${row[x] || "none"}: ${shown(row[value.at], value.column.unit, context)}`);
  const left = rows.length - said.length;
  return `Bars. ${said.join("; ")}${left > 0 ? `; and ${left} more` : ""}.`;
}
