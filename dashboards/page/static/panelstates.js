// What a panel shows instead of numbers: loading, no data, or an error.
import { h } from "./dom.js";
import { clockText, dayText } from "./zone.js";

export function loading() {
  return h("div", { class: "loading", role: "img", "aria-label": "loading" });
}

/** No data. `widen`: longer ranges, [{text, choose}]. */
export function empty(selection, widen, filtered, clearFilters) {
  const days = `${dayText(Date.parse(selection.from), selection.zone)} to ${dayText(Date.parse(selection.to) - 1, selection.zone)}`;
  return h("div", { class: "state" },
    h("p", {}, h("strong", {}, "No data in this range"), h("br"), days),
    h("div", { class: "row" },
      filtered && h("button", { class: "button", type: "button", onclick: clearFilters }, "Remove the filters"),
      widen.map(({ text, choose }) => h("button", { class: "button", type: "button", onclick: choose }, text))));
}

const HEADLINES = {
  clickhouse_unreachable: "ClickHouse is unreachable", clickhouse_access_denied: "ClickHouse denies access", page_unreachable: "The page's server is unreachable",
  tables_missing: "Tables are missing", query_timeout: "Query timeout", query_too_large: "Query too large", busy: "ClickHouse is busy",
  bad_parameter: "Invalid address", unknown_parameter: "Invalid address", query_failed: "Query failed",
};

export const headline = (error) => HEADLINES[error.code] ?? "Request failed";

/** An error, and what to do about it. */
export function failed(error, zone, again) {
  const since = error.since ? ` Since ${clockText(Date.parse(error.since), zone)}.` : "";
  return h("div", { class: "state" },
    h("p", {}, h("strong", {}, headline(error)), h("br"), `${error.message}${since}`),
    h("div", { class: "row" }, h("button", { class: "button", type: "button", onclick: again }, "Try again")));
}
