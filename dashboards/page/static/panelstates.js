// What a panel shows instead of numbers: still loading, nothing there, or why it cannot.
import { h } from "./dom.js";
import { clockText, dayText } from "./zone.js";

export function loading() {
  return h("div", { class: "loading", role: "img", "aria-label": "loading" });
}

/** No data. `widen` are ranges that may hold some: [{text, href, choose}]. */
export function empty(question, widen, filtered, clearFilters) {
  const days = `${dayText(Date.parse(question.from), question.zone)} to ${dayText(Date.parse(question.to) - 1, question.zone)}`;
  return h("div", { class: "state" },
    h("p", {}, h("strong", {}, "No data in this range"), h("br"), days),
    h("div", { class: "row" },
      filtered && h("button", { class: "button", type: "button", onclick: clearFilters }, "Remove the filters"),
      widen.map(({ text, choose }) => h("button", { class: "button", type: "button", onclick: choose }, text))));
}

const HEADLINES = {
  clickhouse_away: "ClickHouse is away", clickhouse_refuses: "ClickHouse refuses", page_away: "The page's server is away",
  tables_missing: "Tables are missing", query_timeout: "Too slow", query_too_large: "Too large", busy: "Busy",
  bad_parameter: "This cannot be asked", unknown_parameter: "This cannot be asked", query_failed: "The question failed",
};

export const headline = (error) => HEADLINES[error.code] ?? "This did not work";

/** Why there are no numbers, and what to do. */
export function failed(error, zone, again) {
  const since = error.since ? ` Since ${clockText(Date.parse(error.since), zone)}.` : "";
  return h("div", { class: "state" },
    h("p", {}, h("strong", {}, headline(error)), h("br"), `${error.message}${since}`),
    h("div", { class: "row" }, h("button", { class: "button", type: "button", onclick: again }, "Try again")));
}
