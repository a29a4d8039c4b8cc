// The state of the page is its address: the dashboard is in the path; range, zone and filters are in the query.

const FILTERS = ["source", "template", "campaign"];
const DEFAULT_RANGE = "7d";

/** The zone of this browser. */
export const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The state in an address: {dashboard, range, from, to, zone, source, template, campaign}. */
export function read(address = location) {
  const query = new URLSearchParams(address.search);
  const from = query.get("from");
  const to = query.get("to");
  const custom = from !== null || to !== null;
  return {
    dashboard: decodeURIComponent(address.pathname.slice(1)),
    range: custom ? null : (query.get("range") ?? DEFAULT_RANGE),
    from: custom ? from : null,
    to: custom ? to : null,
    zone: query.get("zone") ?? OWN_ZONE,
    ...Object.fromEntries(FILTERS.map((name) => [name, query.getAll(name)])),
  };
}

/** The query string of a state, always in the same order. */
export function query(state, without = []) {
  const made = new URLSearchParams();
  if (state.range !== null) made.set("range", state.range);
  if (state.from !== null) made.set("from", state.from);
  if (state.to !== null) made.set("to", state.to);
  made.set("zone", state.zone);
  for (const name of FILTERS) {
    if (!without.includes(name)) state[name].forEach((value) => made.append(name, value));
  }
  return made.toString();
}

/** The address of a state. */
export function address(state) {
  return `/${encodeURIComponent(state.dashboard)}?${query(state)}`;
}
