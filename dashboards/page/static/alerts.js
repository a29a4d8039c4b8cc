// The bell: which alert rules fire right now. Hidden where nobody evaluates them.
import { get } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { menu } from "./menu.js";
import { address } from "./state.js";
import { momentText } from "./zone.js";

const MOST = 4;
const ORDER = ["firing", "pending", "unknown"];
const SAID = { firing: "firing", pending: "may fire soon", unknown: "not known" };

/** The bell and what updates it. */
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
      return; // the panels say what is wrong
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
  if (!groups.size) return h("p", { class: "hint" }, `Nothing is wrong: all ${states.length} rules hold.`);
  return [...groups.values()].map((group) => rule(group, page));
}

/** One rule: what it found, at most a few of them, and what to do. */
function rule(group, page) {
  const [alert] = group;
  const moments = group.filter(({ since }) => since).map(({ since }) => Date.parse(since));
  const since = moments.length ? ` since ${momentText(Math.min(...moments), page.zone())}` : "";
  const left = group.length - MOST;
  return h("div", { class: `alert-row ${alert.state}` },
    h("strong", {}, alert.title),
    group.slice(0, MOST).map(({ text }) => text && h("span", {}, text)), left > 0 && h("span", {}, `and ${left} more`),
    alert.state === "firing" && h("span", { class: "cure" }, alert.action),
    h("small", {}, `${SAID[alert.state]}${since} · `, h("a", { href: address({ ...page.state(), dashboard: alert.dashboard }) }, "Look at the numbers")));
}
