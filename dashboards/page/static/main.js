// The page: reads the address, builds the dashboard, refreshes it.
import { bell } from "./alerts.js";
import { announce } from "./announce.js";
import { get } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { filters } from "./filters.js";
import { fitted } from "./fit.js";
import { Panel } from "./panel.js";
import { headline } from "./panelstates.js";
import { Refresher } from "./refresh.js";
import { address, query, read } from "./state.js";
import { onChange, printing, themeButton } from "./theme.js";
import { clockText, dayText, isMidnight, momentText } from "./zone.js";

const at = (id) => document.getElementById(id);
const WIDER = [["30d", "Show 30 days"], ["all", "Show all"]];
const LENGTHS = ["today", "yesterday", "7d", "30d", "90d", "all"];

class Page {
  constructor(catalogue) {
    this.catalogue = catalogue;
    this.currency = catalogue.currency;
    this.panels = [];
    this.layers = null;
    this.now = read();
    this.alerts = bell(this);
    this.refresher = new Refresher(() => this.refresh(false), catalogue.refresh_seconds);
    this.updateFilters = filters(at("filters"), this, catalogue.ranges);
    fill(at("tools"), this.alerts.element, this.refresher.element, themeButton());
  }

  state() { return this.now; }
  zone() { return this.now.zone; }
  query() { return query(this.now); }
  freshness() { return this.layers; }
  selection() { return this.panels.find((panel) => panel.answer)?.answer.selection ?? null; }
  filtered() { return ["source", "template", "campaign"].some((name) => this.now[name].length > 0); }
  clearFilters() { this.change({ source: [], template: [], campaign: [] }); }

  widen() {
    const here = LENGTHS.indexOf(this.now.range);
    return WIDER.filter(([range]) => LENGTHS.indexOf(range) > here)
      .map(([range, text]) => ({ text, choose: () => this.change({ range, from: null, to: null }) }));
  }

  /** Applies a choice of the reader: a new history entry, then new numbers. */
  change(part) {
    history.pushState(null, "", address({ ...this.now, ...part }));
    this.navigate();
  }

  /** Shows what the address names. */
  navigate() {
    const before = this.now.dashboard;
    this.now = read();
    if (!this.now.dashboard) this.now.dashboard = this.catalogue.dashboards[0]?.id ?? "";
    history.replaceState(history.state, "", address(this.now));
    if (!this.built || before !== this.now.dashboard) this.build();
    this.updateFilters();
    this.links();
    return this.refresh(true);
  }

  build() {
    const chosen = this.catalogue.dashboards.find((dashboard) => dashboard.id === this.now.dashboard);
    this.built = true;
    this.panels.forEach((panel) => panel.remove());
    const widths = fitted(chosen?.panels ?? []);
    this.panels = (chosen?.panels ?? []).map((panel, at) => new Panel(panel, this, widths[at]));
    fill(at("grid"), this.panels.map((panel) => panel.element));
    at("title").textContent = chosen?.title ?? "This dashboard does not exist";
    at("purpose").textContent = chosen?.purpose ?? "Choose one of the dashboards above.";
    at("about").textContent = "";
    document.title = `${chosen?.title ?? "Not found"} · Ackstream`;
  }

  links() {
    fill(at("nav"), this.catalogue.dashboards.map(({ id, title }) => h("li", {}, h("a", {
      href: address({ ...this.now, dashboard: id }), "aria-current": id === this.now.dashboard ? "page" : null,
      onclick: (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
        event.preventDefault();
        this.change({ dashboard: id });
        scrollTo(0, 0);
        at("main").focus({ preventScroll: true });
      },
    }, title))));
    document.querySelector("#nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Requests all numbers again. `chosen`: the reader caused it, so the result is announced. */
  async refresh(chosen = true) {
    const panels = [...this.panels];
    const requested = this.query();
    const [, ...refreshed] = await Promise.all([this.lags(), ...panels.map((panel) => panel.refresh())]);
    if (panels[0] !== this.panels[0] || requested !== this.query()) return;
    this.alerts.update();
    this.head();
    this.notices(panels);
    this.refresher.done(this.failure === null);
    if (chosen && this.failure === null) announce(`${document.title.split(" · ")[0]}: ${refreshed.length} panels up to date`);
  }

  async lags() {
    try {
      this.layers = (await get("/api/freshness")).body.layers;
    } catch {
      return; // the panels show the error
    }
    this.panels.forEach((panel) => panel.showLag());
  }

  head() {
    const selection = this.selection();
    if (!selection) return;
    const zone = this.zone();
    const [from, to] = [Date.parse(selection.from), Date.parse(selection.to)];
    const whole = isMidnight(from, zone) && isMidnight(to, zone);
    const last = whole || this.now.range !== null ? dayText(Math.min(to - 1, Math.max(from, Date.now())), zone) : momentText(to, zone);
    const first = whole || this.now.range !== null ? dayText(from, zone) : momentText(from, zone);
    fill(at("about"), h("strong", {}, first === last ? first : `${first} – ${last}`), ` · ${zone} · by ${selection.bucket}`);
  }

  /** Notices about the whole page: ClickHouse unreachable, no source configured. */
  notices(panels) {
    const failed = panels.map((panel) => panel.error).find((error) => error && error.code !== "bad_parameter") ?? null;
    const unreachable = failed && panels.every((panel) => panel.error);
    const before = this.failure;
    this.failure = failed;
    const kept = panels.some((panel) => panel.answer);
    fill(at("notices"),
      unreachable && h("div", { class: "notice bad" }, h("p", {}, h("strong", {}, headline(failed)),
        failed.since && ` since ${momentText(Date.parse(failed.since), this.zone())}`), h("p", {}, failed.message),
      kept && h("p", {}, `The numbers below are from ${clockText(this.refresher.last ?? Date.now(), this.zone())}. This page retries automatically.`)),
      !this.catalogue.sources.length && h("div", { class: "notice" }, h("p", {}, h("strong", {}, "No source is configured yet")),
        h("p", {}, "Add a section ", h("code", {}, "[sources.<name>]"), " to the settings file and run ", h("code", {}, "make up"),
          " again. To try the dashboards first, run ", h("code", {}, "make demo"), ": it sends made-up traffic.")));
    if (failed && failed.code !== before?.code) announce(`${headline(failed)}. ${failed.message}`);
    if (before && !failed) announce("The numbers are up to date again");
  }

  redraw() { this.panels.forEach((panel) => panel.redraw()); }
}

async function start() {
  let catalogue;
  try {
    ({ body: catalogue } = await get("/api/catalogue"));
  } catch (error) {
    at("title").textContent = headline(error);
    at("purpose").textContent = error.message;
    return;
  }
  const page = new Page(catalogue);
  onChange(() => page.redraw());
  addEventListener("popstate", () => page.navigate());
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
  at("foot").textContent = [
    catalogue.mask_phones ? "Phone numbers are masked." : "Phone numbers are shown in full.",
    "Delivery and read rates are counted at the time of sending.",
  ].join(" ");
  await page.navigate();
}

start();
