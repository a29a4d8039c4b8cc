// The bell: which alert rules fire right now. Hidden where nobody evaluates them.
import { get } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { menu } from "./menu.js";
import { address } from "./state.js";
import { momentText } from "./zone.js";

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
  const shown = ORDER.flatMap((wanted) => states.filter(({ state }) => state === wanted));
  if (!shown.length) return h("p", { class: "hint" }, `Nothing is wrong: all ${states.length} rules hold.`);
  return shown.map((alert) => h("div", { class: `alert-row ${alert.state}` },
    h("strong", {}, alert.title), alert.summary && h("span", {}, alert.summary),
    alert.state === "firing" && h("span", { class: "cure" }, alert.red),
    h("small", {}, `${SAID[alert.state]}${alert.since ? ` since ${momentText(Date.parse(alert.since), page.zone())}` : ""} · `,
      h("a", { href: address({ ...page.state(), dashboard: alert.dashboard }) }, "look"))));
}
