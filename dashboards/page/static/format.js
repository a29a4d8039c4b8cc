// Formats of numbers: one for each unit, with a thin space before the unit. The exact value is shown in a title.
import { isMidnight, momentText } from "./zone.js";

const NARROW = "\u202f";
const full = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const three = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3 });
const NONE = "–";

/** 1,234 · 84,213 · 118 k · 1.18 M. */
export function count(value, exact = false) {
  if (value === null) return NONE;
  const size = Math.abs(value);
  if (exact || size < 100_000) return full.format(value);
  for (const [unit, scale] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (size >= scale * 0.9995) return `${three.format(value / scale)}${NARROW}${unit}`;
  }
  return full.format(value);
}

/** A share of 0..1 in per cent with one digit; other values are never rounded to 0 or 100. */
export function share(value) {
  if (value === null) return NONE;
  const hundred = value * 100;
  if (hundred > 0 && hundred < 0.05) return `<${NARROW}0.1${NARROW}%`;
  if (hundred < 100 && hundred >= 99.95) return `>${NARROW}99.9${NARROW}%`;
  return `${percent.format(hundred)}${NARROW}%`;
}

const LONG = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]];

/** 320 ms · 1.42 s · 4.5 min · 3.2 h · 12 d. */
export function duration(ms) {
  if (ms === null) return NONE;
  for (const [unit, scale] of LONG) {
    if (Math.abs(ms) >= scale) return `${three.format(ms / scale)}${NARROW}${unit}`;
  }
  return `${three.format(ms)}${NARROW}ms`;
}

function money(value, currency) {
  if (value === null) return NONE;
  const digits = Math.abs(value) < 1 && value !== 0 ? 4 : 2;
  return new Intl.NumberFormat("en-GB", {
    style: "currency", currency, currencyDisplay: "code", minimumFractionDigits: 2, maximumFractionDigits: digits,
  }).format(value);
}

/** The formatted value. `context`: zone, currency, dayOnly (all times are midnights), exact. */
export function shown(value, unit, context) {
  if (value === null || value === undefined) return unit === "text" || unit === "phone" || unit === "time" ? "" : NONE;
  switch (unit) {
    case "count": return count(value, context.exact);
    case "share": return share(value);
    case "ms": return duration(value);
    case "seconds": return duration(value * 1000);
    case "money": return money(value, context.currency);
    case "time": return timeShown(value, context);
    case "mark": return value ? "provisional" : "";
    default: return String(value);
  }
}

function timeShown(value, context) {
  if (!String(value).includes("T")) return String(value);
  return momentText(Date.parse(value), context.zone, context.dayOnly);
}

/** The exact value with its unit, for a title; null when `shown` has the same precision. */
export function exactly(value, unit) {
  if (value === null || value === undefined) return null;
  if (unit === "count") return Math.abs(value) >= 100_000 ? full.format(value) : null;
  if (unit === "share") return `${Number((value * 100).toPrecision(6))} %`;
  if (unit === "ms") return `${full.format(value)} ms`;
  if (unit === "seconds") return `${full.format(value)} s`;
  if (unit === "time") return String(value);
  return null;
}

/** A difference with its sign: +0.4 points for a share, +12.4 % for other units. Null without a value to compare with. */
export function change(now, before, unit) {
  if (now === null || before === null || before === undefined) return null;
  if (unit === "share") {
    const points = (now - before) * 100;
    return { up: Math.sign(Number(points.toFixed(1))), text: `${signed(points)} points` };
  }
  if (!before) return null;
  const relative = ((now - before) / Math.abs(before)) * 100;
  const text = Math.abs(relative) >= 1000 ? `${count(Math.round(now / before))} times` : `${signed(relative)}${NARROW}%`;
  return { up: Math.sign(Number(relative.toFixed(1))), text };
}

function signed(value) {
  const text = percent.format(Math.abs(value));
  return `${value >= 0.05 ? "+" : value <= -0.05 ? "−" : "±"}${text}`;
}

/** Whether all times of a column are midnights of the zone, so that they mean days. */
export function allMidnights(values, zone) {
  const moments = values.filter((value) => value !== null && String(value).includes("T"));
  return moments.length > 0 && moments.every((value) => isMidnight(Date.parse(value), zone));
}

/** `above 10 %`: the threshold of a panel. */
export function limitText(panel, context) {
  const { side, limit, column } = panel.threshold;
  const { unit } = panel.columns.find((found) => found.name === column) ?? {};
  const text = unit === "share" ? `${Number((limit * 100).toPrecision(6))}${NARROW}%` : shown(limit, unit, context);
  return `${side} ${text}`;
}

export const NUMERIC = new Set(["count", "share", "ms", "seconds", "money"]);

// Plotly interprets some markup in its texts, and names of series come from the tables.
export const escaped = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
