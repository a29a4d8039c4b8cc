// Lines and stacked bars over time. The axis is in milliseconds and is labelled here, so that it is exact in every
// time zone, also on days of 23 and 25 hours.
import { escaped, shown } from "./format.js";
import { beyond, bySeries, colours, largest, limited, roles } from "./rows.js";
import { colour } from "./theme.js";
import { LENGTH, bucketText, buckets, ticks } from "./zone.js";

const DASHES = ["solid", "9px,3px", "2px,3px", "9px,3px,2px,3px", "5px,3px", "14px,3px"];
const MARKERS_UP_TO = 80;

export function lines(panel, rows, context) {
  const { value, groups, names, paint, axis } = prepared(panel, rows, context);
  const data = names.map((name, at) => {
    const points = groups.get(name);
    const few = points.length <= MARKERS_UP_TO;
    const mixed = points.some((point) => point.known && point.young) && points.some((point) => point.known && !point.young);
    return {
      ...common(name, points, names), type: "scatter", mode: few ? "lines+markers" : "lines", connectgaps: false, cliponaxis: false,
      line: { color: colour(paint[at]), width: 2, dash: DASHES[at % DASHES.length] },
      marker: {
        color: points.map((point) => (mixed && point.young ? colour("surface") : colour(paint[at]))),
        size: few ? 6 : 0, line: { color: colour(paint[at]), width: 1.6 },
      },
    };
  });
  return { data, layout: { ...axis, hovermode: "x", shapes: threshold(panel, value), ...legend(names) } };
}

export function stacks(panel, rows, context) {
  const { value, groups, names, paint, axis, step } = prepared(panel, rows, context);
  const data = names.map((name, at) => ({
    ...common(name, groups.get(name), names), type: "bar",
    width: step * 0.78, marker: { color: colour(paint[at]), line: { width: 0 } },
  }));
  return { data, layout: { ...axis, hovermode: "x", barmode: "stack", ...legend(names) } };
}

function legend(names) {
  return { showlegend: names.length > 1, margin: { l: 8, r: 8, t: names.length > 1 ? 30 : 10, b: 8, pad: 4 } };
}

function common(name, points, names) {
  return {
    name: escaped(name), x: points.map((point) => point.ms), y: points.map((point) => point.y),
    customdata: points.map((point) => [point.title, point.text, names.length > 1 ? name : ""]), hoverinfo: "none",
  };
}

function prepared(panel, rows, context) {
  const { x, values } = roles(panel.columns);
  const [value] = values;
  const { from, to, bucket, zone } = context.selection;
  const [start, end] = [Date.parse(from), Date.parse(to)];
  const grid = gridOf(rows, x, start, end, bucket, zone);
  const groups = new Map(largest(panel, [...bySeries(panel, rows, value)], value).map(([name, group]) => [name, points(panel, group, x, value, grid, context)]));
  const names = [...groups.keys()];
  const step = LENGTH[bucket];
  const first = grid?.[0] ?? start;
  const last = grid?.at(-1) ?? end;
  const marks = ticks(first, last + 1, zone, Math.max(2, Math.floor(context.width / 78)), grid ? bucket : "minute");
  const axis = {
    xaxis: {
      type: "linear", range: grid ? [first - step * 0.6, last + step * 0.6] : [first, last], tickmode: "array",
      tickvals: marks.map((mark) => mark.ms), ticktext: marks.map((mark) => mark.text), showgrid: false, ticks: "outside", ticklen: 4,
    },
    yaxis: yAxis(value.column.unit, [...groups.values()].flat(), panel.kind === "stack"),
  };
  return { value, groups, names, paint: colours(names), axis, step };
}

/** All buckets of the range if every row is at the start of one; null if the rows have other times. */
function gridOf(rows, x, start, end, bucket, zone) {
  const grid = buckets(start, end, bucket, zone);
  const known = new Set(grid);
  return grid.length && rows.every((row) => known.has(Date.parse(row[x]))) ? grid : null;
}

function points(panel, group, x, value, grid, context) {
  const { bucket, zone } = context.selection;
  const found = new Map(group.map((row) => [Date.parse(row[x]), row]));
  const nothing = value.column.unit === "count" || value.column.unit === "money" ? 0 : null;
  return (grid ?? [...found.keys()].sort((a, b) => a - b)).map((ms) => {
    const row = found.get(ms);
    const y = row ? row[value.at] : nothing;
    const title = bucketText(ms, zone, grid ? bucket : "hour");
    return { ms, y, title, known: Boolean(row), young: Boolean(row && value.mark !== -1 && row[value.mark]), text: words(panel, row, value, y, context) };
  });
}

function words(panel, row, value, y, context) {
  const { unit } = value.column;
  const number = shown(y, unit, { ...context, exact: true });
  if (!row) return number;
  const side = value.numerator !== -1 && value.denominator !== -1
    ? ` (${shown(row[value.numerator], "count", { exact: true })} of ${shown(row[value.denominator], "count", { exact: true })})` : "";
  const young = value.mark !== -1 && row[value.mark] ? ", provisional" : "";
  const red = limited(panel) === value.at && beyond(panel.threshold, y) ? ", beyond the threshold" : "";
  return `${number}${side}${young}${red}`;
}

function yAxis(unit, all, stacked) {
  const numbers = all.map((point) => point.y).filter((y) => y !== null);
  const top = Math.max(0, ...numbers);
  const axis = { rangemode: "tozero", nticks: 6, tickformat: undefined };
  if (unit === "share") {
    const low = Math.min(1, ...numbers);
    const from = low > 0.5 ? Math.max(0, Math.floor((low - 0.02) * 20) / 20) : 0;
    return { ...axis, rangemode: "normal", range: [from, Math.min(1.02, Math.max(top * 1.08, 0.01))], tickformat: ".0%" };
  }
  if (unit === "ms" || unit === "seconds") return { ...axis, ...durations(top, unit === "seconds" ? 1000 : 1) };
  return { ...axis, tickformat: top < 10 && !stacked ? "" : "~s", separatethousands: true };
}

const NICE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000, 2_592_000_000];

/** Ticks of a duration axis at whole seconds, minutes, hours and days. */
function durations(top, scale) {
  const step = NICE.find((size) => (top * scale) / size <= 5.5) ?? NICE.at(-1);
  const marks = Array.from({ length: 7 }, (_, at) => (at * step) / scale).filter((mark) => mark <= top * 1.12);
  return { tickmode: "array", tickvals: marks, ticktext: marks.map((mark) => (mark ? shown(mark * scale, "ms", {}) : "0")) };
}

function threshold(panel, value) {
  if (limited(panel) !== value.at) return [];
  return [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: panel.threshold.limit, y1: panel.threshold.limit, line: { color: colour("red"), width: 1.4, dash: "dash" } }];
}
