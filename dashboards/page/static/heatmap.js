// The heat map: darker cells have higher values (brighter ones on a dark page). Cells without a value are empty.
import { escaped, shown } from "./format.js";
import { roles } from "./rows.js";
import { colour } from "./theme.js";

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
// Axes with a fixed set of values show all of them, also those without a row.
const FIXED = { hour: { from: 0, names: HOURS, after: ":00" }, weekday: { from: 1, names: DAYS, after: "" } };

export function heatmap(panel, rows, context) {
  const { x, y, values } = roles(panel.columns);
  const [value] = values;
  const across = scale(panel.columns[x], rows.map((row) => row[x]));
  const down = scale(panel.columns[y], rows.map((row) => row[y]));
  const z = down.names.map(() => across.names.map(() => null));
  const words = down.names.map(() => across.names.map(() => null));
  for (const row of rows) {
    const [i, j] = [down.at(row[y]), across.at(row[x])];
    z[i][j] = row[value.at];
    words[i][j] = [`${down.names[i]}${down.after} ${across.names[j]}${across.after}`, cellText(row, value, context), ""];
  }
  const data = [{
    type: "heatmap", name: panel.title, x: across.names, y: down.names, z, customdata: words, hoverinfo: "none", xgap: 2, ygap: 2, hoverongaps: false,
    colorscale: [[0, colour("low")], [1, colour("high")]],
    colorbar: {
      thickness: 9, outlinewidth: 0, len: 0.96, x: 1.01, xpad: 4, nticks: 5, tickformat: value.column.unit === "share" ? ".0%" : "~s",
      tickfont: { size: 11, color: colour("ink-soft") }, ticks: "",
    },
  }];
  const layout = {
    xaxis: { type: "category", showgrid: false, categoryorder: "array", categoryarray: across.names, title: { text: escaped(panel.columns[x].title), font: { size: 12, color: colour("ink-soft") } }, nticks: context.width < 520 ? 8 : 24 },
    yaxis: { type: "category", showgrid: false, autorange: "reversed", categoryorder: "array", categoryarray: down.names },
    margin: { l: 8, r: 4, t: 6, b: 8, pad: 2 },
  };
  return { data, layout };
}

function scale(column, found) {
  const fixed = FIXED[column.name];
  if (fixed) return { names: fixed.names, after: fixed.after, at: (value) => value - fixed.from };
  const names = [...new Set(found.map((value) => escaped(value)))];
  return { names, after: "", at: (value) => names.indexOf(escaped(value)) };
}

function cellText(row, value, context) {
  const number = shown(row[value.at], value.column.unit, { ...context, exact: true });
  if (value.numerator === -1 || value.denominator === -1) return number;
  const part = (at) => shown(row[at], "count", { exact: true });
  return `${number} (${part(value.numerator)} of ${part(value.denominator)})`;
}
