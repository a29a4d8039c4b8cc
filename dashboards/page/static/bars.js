// Horizontal bars by name, and the funnel.
import { escaped, shown } from "./format.js";
import { colours, roles } from "./rows.js";
import { colour } from "./theme.js";

const ROW = 26;

export function bars(panel, rows, context) {
  const { x, series, values } = roles(panel.columns);
  const [value] = values;
  const names = [...new Set(rows.map((row) => escaped(label(row[x], panel.columns[x], context))))];
  const groups = new Map();
  for (const row of rows) {
    const name = series === -1 ? value.column.title : String(row[series] ?? "");
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  const paint = colours([...groups.keys()]);
  const data = [...groups].map(([name, group], at) => ({
    type: "bar", orientation: "h", name: escaped(name),
    y: group.map((row) => escaped(label(row[x], panel.columns[x], context))), x: group.map((row) => row[value.at]),
    text: group.map((row) => text(row, value, context)), texttemplate: "%{text}", textposition: "auto", cliponaxis: false,
    insidetextanchor: "end", constraintext: "none",
    customdata: group.map((row) => [label(row[x], panel.columns[x], context), text(row, value, context), groups.size > 1 ? name : ""]), hoverinfo: "none",
    marker: { color: colour(paint[at]) },
  }));
  const layout = {
    height: Math.max(264, names.length * ROW * groups.size + 60), barmode: "group", showlegend: groups.size > 1,
    xaxis: { rangemode: "tozero", tickformat: value.column.unit === "share" ? ".0%" : "~s", nticks: 5 },
    yaxis: { type: "category", autorange: "reversed", showgrid: false, categoryorder: "array", categoryarray: names },
  };
  return { data, layout };
}

export function funnel(panel, rows, context) {
  const { x, values } = roles(panel.columns);
  const [value] = values;
  const names = rows.map((row) => String(row[x]));
  const top = Math.max(1, ...rows.map((row) => row[value.at] ?? 0));
  const data = [{
    type: "bar", orientation: "h", name: value.column.title, y: names, x: rows.map((row) => row[value.at]),
    text: rows.map((row) => text(row, value, context)), texttemplate: "%{text}", textposition: "none",
    customdata: rows.map((row, at) => [names[at], text(row, value, context), ""]), hoverinfo: "none", marker: { color: colours(names).map(colour) }, width: 0.42,
  }];
  const words = rows.map((row, at) => ({
    xref: "x", yref: "y", x: 0, y: names[at], yshift: 30, xanchor: "left", yanchor: "middle", showarrow: false, align: "left",
    text: `<b>${escaped(names[at])}</b>  ${escaped(text(row, value, context))}`, font: { size: 13, color: colour("ink") },
  }));
  const layout = {
    annotations: words, margin: { l: 2, r: 8, t: 26, b: 0, pad: 0 },
    xaxis: { range: [0, top], visible: false },
    yaxis: { type: "category", autorange: "reversed", visible: false, categoryorder: "array", categoryarray: names },
  };
  return { data, layout };
}

function label(value, column, context) {
  return shown(value, column.unit, context) || "none";
}

/** `8,412 · 84.1 % of 10,000`. */
function text(row, value, context) {
  const number = shown(row[value.at], value.column.unit, { ...context, exact: true });
  if (value.denominator === -1) return number;
  const whole = row[value.denominator];
  if (value.column.unit === "share") {
    const part = value.numerator === -1 ? "" : `${shown(row[value.numerator], "count", { exact: true })} of `;
    return `${number} · ${part}${shown(whole, "count", { exact: true })}`;
  }
  const share = whole ? row[value.at] / whole : null;
  return `${number} · ${shown(share, "share", context)} of ${shown(whole, "count", { exact: true })}`;
}
