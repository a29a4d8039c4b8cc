// One panel: frame, content, menu. It keeps its content until newer numbers arrive.
import { announce } from "./announce.js";
import { ApiError, get } from "./api.js";
import { draw, forget } from "./chart.js";
import { about, sql } from "./dialogs.js";
import { fill, h, icon } from "./dom.js";
import { duration, limitText } from "./format.js";
import { menu } from "./menu.js";
import { empty, failed, loading } from "./panelstates.js";
import { crowded, isEmpty, isRed, provisional } from "./rows.js";
import { lines, stat } from "./stat.js";
import { summary } from "./summary.js";
import { table } from "./table.js";

const LATE_SECONDS = 60;
const CHARTS = new Set(["line", "stack", "bar", "heatmap", "funnel"]);

export class Panel {
  /** `page` has query(), zone(), currency, freshness(), widen(), filtered(), clearFilters(). */
  constructor(panel, page, width) {
    this.panel = panel;
    this.width = width;
    this.page = page;
    this.etag = null;
    this.answer = null;
    this.query = null;
    this.asTable = false;
    this.kept = {};
    this.request = null;
    this.build();
  }

  build() {
    const id = `panel-${this.panel.id}`;
    this.badges = h("span", { class: "badges" });
    this.body = h("div", { class: "body" }, loading());
    this.note = h("span", { class: "note" });
    this.lag = h("span", { class: "lag" });
    const more = h("button", { class: "button more", type: "button", "aria-label": `Menu of ${this.panel.title}` }, icon("dots"));
    this.element = h("section", { class: "panel", id, "aria-labelledby": `${id}-title`, "aria-busy": "true", data: { kind: this.panel.kind, width: this.width } },
      h("header", {}, h("h2", { id: `${id}-title` }, this.panel.title), this.badges, more),
      this.body,
      h("footer", {}, this.note, this.lag));
    if (this.panel.kind === "stat") this.body.style.setProperty("--lines", lines(this.panel));
    menu(more, (close) => this.items(close), { label: `Menu of ${this.panel.title}` });
  }

  items(close) {
    const then = (act) => () => {
      close();
      act();
    };
    const item = (text, act) => h("button", { class: "item", type: "button", onclick: then(act) }, text);
    return [
      item("Definition", () => about(this.panel, this.context(), this.page.freshness())),
      CHARTS.has(this.panel.kind) && item(this.asTable ? "Show as chart" : "Show as table", () => this.turn()),
      h("a", { class: "item", href: `/api/panels/${this.panel.id}.csv?${this.page.query()}`, download: "", onclick: close }, "Download CSV"),
      item("Show SQL", () => sql(this.panel, this.page.query())),
    ];
  }

  turn() {
    this.asTable = !this.asTable;
    this.show();
    announce(`${this.panel.title} as ${this.asTable ? "table" : "chart"}`);
  }

  context() {
    return { zone: this.page.zone(), currency: this.page.currency, columns: this.panel.columns, selection: this.answer?.selection, exact: false };
  }

  /** Requests the numbers of the present state; true if they arrived. The content stays until then. */
  async refresh() {
    this.request?.abort();
    const request = new AbortController();
    this.request = request;
    const query = this.page.query();
    if (query !== this.query) {
      this.element.setAttribute("aria-busy", "true");
      this.element.classList.toggle("old", this.answer !== null);
    }
    try {
      const { body, etag } = await get(`/api/panels/${this.panel.id}`, query, request.signal);
      if (request !== this.request) return false;
      const same = query === this.query && etag !== null && etag === this.etag && !this.error;
      this.query = query;
      this.etag = etag;
      this.answer = body;
      this.error = null;
      if (!same) await this.show();
      this.settled();
      return true;
    } catch (error) {
      if (error.name === "AbortError" || request !== this.request) return false;
      this.fail(error);
      return false;
    }
  }

  settled() {
    this.element.setAttribute("aria-busy", "false");
    this.element.classList.remove("old");
    this.showLag();
  }

  /** Shows the error, unless the panel has numbers of the same query: these stay, marked as old. */
  fail(error) {
    this.error = error instanceof ApiError ? error : new ApiError(0, "page_failed", String(error.message ?? error));
    this.element.setAttribute("aria-busy", "false");
    if (this.answer && this.query === this.page.query()) {
      this.element.classList.add("old");
      return;
    }
    this.clear();
    this.element.classList.remove("old", "red");
    fill(this.badges);
    this.note.textContent = "";
    this.lag.textContent = "";
    fill(this.body, failed(this.error, this.page.zone(), () => this.page.refresh()));
  }

  async show() {
    if (!this.answer) return;
    const { rows } = this.answer;
    const context = this.context();
    const nothing = isEmpty(this.panel, rows);
    const red = !nothing && isRed(this.panel, rows);
    this.element.classList.toggle("red", red);
    fill(this.badges, this.marks(rows, red));
    this.note.textContent = [this.answer.truncated && `First ${rows.length} rows; the CSV has more`, !this.asTable && crowded(this.panel, rows)].filter(Boolean).join(" · ");
    if (nothing) {
      this.clear();
      fill(this.body, empty(this.answer.selection, this.page.widen(), this.page.filtered(), () => this.page.clearFilters()));
    } else if (this.panel.kind === "stat") fill(this.body, stat(this.panel, rows[0], context));
    else if (this.panel.kind === "table" || this.asTable) this.showTable(rows, context);
    else await this.showChart(rows, context);
  }

  marks(rows, red) {
    const [young, all] = provisional(this.panel, rows);
    const badge = young > 0 && this.panel.kind !== "table" && h("span", { class: "badge provisional", title: "Recent messages can still change these numbers" }, icon("clock"),
      young === all ? "provisional" : `${young} of ${all} provisional`);
    return [red && h("span", { class: "badge red" }, icon("warn"), limitText(this.panel, this.context())), badge];
  }

  showTable(rows, context) {
    this.clear();
    const scrolled = this.body.querySelector(".scroll")?.scrollTop ?? 0;
    fill(this.body, table(this.panel, rows, context, this.kept));
    this.body.querySelector(".scroll").scrollTop = scrolled;
  }

  async showChart(rows, context) {
    const about = summary(this.panel, rows, context);
    if (!this.chart?.isConnected) {
      const id = `${this.element.id}-summary`;
      this.chart = h("div", { class: "chart" });
      this.words = h("p", { class: "unseen", id });
      const figure = h("div", { role: "img", "aria-labelledby": `${this.element.id}-title`, "aria-describedby": id }, this.chart);
      fill(this.body, figure, this.words);
    }
    this.words.textContent = about;
    await draw(this.chart, this.panel, rows, context);
  }

  clear() {
    if (this.chart) forget(this.chart);
    this.chart = null;
  }

  /** Redraws the chart after a change of the colours or the width. */
  redraw() {
    if (this.chart?.isConnected && this.answer) draw(this.chart, this.panel, this.answer.rows, this.context());
  }

  /** The lag of the numbers, from the latest freshness of the layer. */
  showLag() {
    const layer = this.page.freshness()?.[this.panel.layer] ?? this.answer?.freshness;
    if (!layer || !this.answer) return;
    const known = layer.lag_seconds !== null;
    this.lag.textContent = this.panel.layer === "live" ? "live" : known ? `${duration(Math.round(layer.lag_seconds) * 1000)} behind` : "not built yet";
    this.lag.classList.toggle("late", !known || layer.lag_seconds > LATE_SECONDS);
  }

  remove() {
    this.request?.abort();
    this.clear();
    this.element.remove();
  }
}
