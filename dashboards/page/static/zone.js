// Time in the chosen time zone. All times are milliseconds UTC; days, months and ticks are those of the zone.

const formats = new Map();

function format(zone) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, hourCycle: "h23", weekday: "short", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    }));
  }
  return formats.get(zone);
}

/** Year, month (1-12), day, hour, minute, second and weekday ("Mon") of a moment in a zone. */
export function parts(ms, zone) {
  const found = {};
  for (const { type, value } of format(zone).formatToParts(ms)) found[type] = type === "weekday" ? value : Number(value);
  return found;
}

/** How far the zone's clock is ahead of UTC at a moment, in ms. */
export function offset(ms, zone) {
  const p = parts(ms, zone);
  return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(ms / 1000) * 1000;
}

/** The moment at which the zone's clock shows this; days and months may overflow. */
export function moment(zone, year, month, day, hour = 0, minute = 0) {
  const shown = Date.UTC(year, month - 1, day, hour, minute);
  const guess = shown - offset(shown, zone);
  return shown - offset(guess, zone);
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
export const LENGTH = { hour: HOUR, day: DAY, month: 30 * DAY };

/** Starts of all hours, days or months of the zone that begin in [from, to), and of the one that `from` lies in. */
export function buckets(from, to, bucket, zone) {
  const p = parts(from, zone);
  const made = [];
  const next = {
    hour: (n) => moment(zone, p.year, p.month, p.day, p.hour) + n * HOUR,
    day: (n) => moment(zone, p.year, p.month, p.day + n),
    month: (n) => moment(zone, p.year, p.month + n, 1),
  }[bucket];
  for (let n = 0, at = next(0); at < to && n < 5000; n += 1, at = next(n)) made.push(at);
  return made;
}

const STEPS = [
  ["minute", 5], ["minute", 15], ["minute", 30], ["hour", 1], ["hour", 2], ["hour", 3], ["hour", 6], ["hour", 12],
  ["day", 1], ["day", 2], ["week", 1], ["week", 2], ["month", 1], ["month", 3], ["month", 6], ["month", 12], ["month", 60],
];
const APPROXIMATE = { minute: MINUTE, hour: HOUR, day: DAY, week: 7 * DAY, month: 30.4 * DAY };

function starts(unit, count, from, to, zone) {
  const p = parts(from, zone);
  const made = [];
  const at = {
    minute: (n) => moment(zone, p.year, p.month, p.day, p.hour) + n * count * MINUTE,
    hour: (n) => moment(zone, p.year, p.month, p.day, n * count),
    day: (n) => moment(zone, p.year, p.month, p.day + n * count),
    week: (n) => moment(zone, p.year, p.month, p.day - ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].indexOf(p.weekday) + n * 7 * count),
    month: (n) => moment(zone, p.year, count >= 12 ? 1 + n * count : 1 + (Math.floor((p.month - 1) / count) + n) * count, 1),
  }[unit];
  for (let n = 0; n < 2000; n += 1) {
    const ms = at(n);
    if (ms >= to) break;
    if (ms >= from) made.push(ms);
  }
  return made;
}

/** At most about `most` ticks of an axis from `from` to `to`, with their labels; no finer than `finest` (a bucket), so
 *  that every tick is at a point. */
export function ticks(from, to, zone, most, finest = "minute") {
  const fits = ([unit, count]) => (to - from) / (APPROXIMATE[unit] * count) <= most && APPROXIMATE[unit] >= APPROXIMATE[finest];
  const [unit, count] = STEPS.find(fits) ?? STEPS.at(-1);
  const found = starts(unit, count, from, to, zone);
  let last = null;
  return found.map((ms) => {
    const p = parts(ms, zone);
    const fresh = last === null || last.year !== p.year;
    const newDay = last === null || last.day !== p.day || last.month !== p.month;
    last = p;
    return { ms, text: label(p, unit, fresh, newDay) };
  });
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function label(p, unit, newYear, newDay) {
  if (unit === "month") return newYear ? `${MONTHS[p.month - 1]}<br>${p.year}` : MONTHS[p.month - 1];
  const day = `${p.day} ${MONTHS[p.month - 1]}`;
  if (unit === "day" || unit === "week") return newYear ? `${day}<br>${p.year}` : day;
  const time = `${String(p.hour).padStart(2, "0")}:${String(p.minute).padStart(2, "0")}`;
  return newDay ? `${time}<br>${day}` : time;
}

const two = (number) => String(number).padStart(2, "0");

/** `21 Nov 2026`. */
export function dayText(ms, zone) {
  const p = parts(ms, zone);
  return `${p.day} ${MONTHS[p.month - 1]} ${p.year}`;
}

/** `2026-11-21 14:03`, with seconds where there are any; a plain day where `dayOnly`. */
export function momentText(ms, zone, dayOnly = false) {
  const p = parts(ms, zone);
  const day = `${p.year}-${two(p.month)}-${two(p.day)}`;
  if (dayOnly) return day;
  return `${day} ${two(p.hour)}:${two(p.minute)}${p.second ? `:${two(p.second)}` : ""}`;
}

/** `14:03:22`. */
export function clockText(ms, zone) {
  const p = parts(ms, zone);
  return `${two(p.hour)}:${two(p.minute)}:${two(p.second)}`;
}

/** `2026-11-21`, as a date field takes it. */
export function dateValue(ms, zone) {
  return momentText(ms, zone, true);
}

export function isMidnight(ms, zone) {
  const p = parts(ms, zone);
  return p.hour === 0 && p.minute === 0 && p.second === 0;
}

/** The label of a point: `Sat 21 Nov 2026`, `Sat 21 Nov, 14:00`, `Nov 2026`. */
export function bucketText(ms, zone, bucket) {
  const p = parts(ms, zone);
  if (bucket === "month") return `${MONTHS[p.month - 1]} ${p.year}`;
  const day = `${p.weekday} ${p.day} ${MONTHS[p.month - 1]}`;
  return bucket === "day" ? `${day} ${p.year}` : `${day}, ${two(p.hour)}:${two(p.minute)}`;
}
