// The alert button: the rules that fire now. Hidden when the rules are not evaluated.
import { get } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { menu } from "./menu.js";
import { address } from "./state.js";
import { momentText } from "./zone.js";

const MAX_ROWS = 4;
const ORDER = ["firing", "pending", "unknown"];
const STATES = { firing: "firing", pending: "pending", unknown: "not evaluated" };

/** The button, and the function that updates it. */
export function bell(page) {
  let states = [];
  const button = h("button", { class: "button quiet", type: "button", hidden: true });
  const element = h("span", {}, button);
  menu(button, () => list(states, page), { label: "Alerts", focus: false });
  const update = async () => {
    try {
      const { body } = await get("/api/alerts");
      states = body.alerts;
      button.hidden = !body.enabled;
    } catch {
      return; // the panels show the error
    }
    const firing = states.filter((state) => state.state === "firing").length;
    const text = firing === 1 ? "1 alert" : `${firing} alerts`;
    button.className = firing ? "button loud" : "button quiet";
    fill(button, icon("bell"), firing ? text : "No alerts");
  };
  return { element, update };
}

function list(states, page) {
  const groups = new Map();
  for (const alert of ORDER.flatMap((wanted) => states.filter(({ state }) => state === wanted))) {
    const key = `${alert.rule} ${alert.state}`;
    groups.set(key, [...(groups.get(key) ?? []), alert]);
  }
  if (!groups.size) return h("p", { class: "hint" }, `No alerts: all ${states.length} rules are normal.`);
  return [...groups.values()].map((group) => rule(group, page));
}

/** One rule: its alerts, at most MAX_ROWS of them, and what to do. */
function rule(group, page) {
  const [alert] = group;
  const moments = group.filter(({ since }) => since).map(({ since }) => Date.parse(since));
  const since = moments.length ? ` since ${momentText(Math.min(...moments), page.zone())}` : "";
  const left = group.length - MAX_ROWS;
  return h("div", { class: `alert-row ${alert.state}` },
    h("strong", {}, alert.title),
    group.slice(0, MAX_ROWS).map(({ text }) => text && h("span", {}, text)), left > 0 && h("span", {}, `and ${left} more`),
    alert.state === "firing" && h("span", { class: "remediation" }, alert.action),
    h("small", {}, `${STATES[alert.state]}${since} · `, h("a", { href: address({ ...page.state(), dashboard: alert.dashboard }) }, "Open dashboard")));
}
