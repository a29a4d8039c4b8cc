// The roles of a panel's columns. A numerator, denominator, mark or earlier value belongs to the value column before
// it; without one (in tables) it is an ordinary column.

const BESIDE = new Set(["numerator", "denominator", "before", "mark"]);

/** {x, y, series, values: [{at, column, numerator, denominator, before, mark}]}; each is an index into a row, or -1. */
export function roles(columns) {
  const found = { x: -1, y: -1, series: -1, values: [] };
  columns.forEach((column, at) => {
    if (column.role === "value") found.values.push({ at, column, numerator: -1, denominator: -1, before: -1, mark: -1 });
    else if (BESIDE.has(column.role) && found.values.length) found.values.at(-1)[column.role] = at;
    else if (column.role in found) found[column.role] = at;
  });
  return found;
}

/** Whether a panel has no data: no rows, or no value in any row. */
export function isEmpty(panel, rows) {
  if (!rows.length) return true;
  if (panel.kind === "stat" || panel.kind === "table") return false;
  const { values } = roles(panel.columns);
  return rows.every((row) => values.every(({ at }) => row[at] === null));
}

/** Whether a value is beyond a threshold. */
export function beyond(threshold, value) {
  if (!threshold || value === null || value === undefined) return false;
  return threshold.side === "above" ? value > threshold.limit : value < threshold.limit;
}

/** Index of the threshold's column, -1 without one. */
export function limited(panel) {
  return panel.threshold ? panel.columns.findIndex((column) => column.name === panel.threshold.column) : -1;
}

/** Whether any row is beyond the panel's threshold. */
export function isRed(panel, rows) {
  const at = limited(panel);
  return at !== -1 && rows.some((row) => beyond(panel.threshold, row[at]));
}

/** [provisional, all] rows; in a chart over time, points in time. */
export function provisional(panel, rows) {
  const at = panel.columns.findIndex((column) => column.role === "mark");
  const { x } = roles(panel.columns);
  const number = (some) => (x === -1 ? some.length : new Set(some.map((row) => row[x])).size);
  return at === -1 ? [0, rows.length] : [number(rows.filter((row) => row[at])), number(rows)];
}

/** The rows of a long table by series, in the order in which series first appear, or in that of `order`. */
export function bySeries(panel, rows, value) {
  const { series } = roles(panel.columns);
  const groups = new Map();
  for (const row of rows) {
    const name = series === -1 ? value.column.title : String(row[series] ?? "");
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return groups;
}

const MAX_SERIES = 8; // more lines or colours cannot be distinguished

/** The series that a chart shows, [name, rows]: if there are too many, those with the highest values. */
export function largest(panel, groups, value) {
  if (groups.length <= MAX_SERIES) return groups;
  const size = ([, rows]) => Math.max(...rows.map((row) => row[value.at] ?? 0));
  const kept = new Set([...groups].sort((one, other) => size(other) - size(one)).slice(0, MAX_SERIES).map(([name]) => name));
  return groups.filter(([name]) => kept.has(name));
}

/** A note if a chart omits series, else "". */
export function crowded(panel, rows) {
  if (panel.kind !== "line" && panel.kind !== "stack") return "";
  const { size } = bySeries(panel, rows, roles(panel.columns).values[0]);
  return size > MAX_SERIES ? `${MAX_SERIES} highest of ${size} series; the table has all` : "";
}

const KNOWN = [
  [/^delivered\b/i, "delivered"], [/^read\b/i, "read"], [/^fail/i, "failed"], [/^pending\b/i, "pending"],
  [/^sent\b/i, "sent"], [/^(received|direct|inbound)\b/i, "received"], [/^(none|other|unknown)$/i, "pending"],
];

/** A colour name of tokens.css for each series: that of its meaning if it is known, else a free one. */
export function colours(names) {
  const given = names.map((name) => KNOWN.find(([pattern]) => pattern.test(name))?.[1] ?? null);
  const twice = new Set(given.filter((colour, at) => colour && given.indexOf(colour) !== at));
  const free = ["other-1", "other-2", "other-3", "other-4", "other-5", "other-6", "other-7", "other-8"];
  let next = 0;
  return given.map((colour) => (colour && !twice.has(colour) ? colour : free[next++ % free.length]));
}
