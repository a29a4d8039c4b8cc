// Refreshes the page at an interval, except while it is hidden or paused.
import { fill, h, icon } from "./dom.js";
import { clockText } from "./zone.js";
import { OWN_ZONE } from "./state.js";

const RETRY_MS = 5000; // after a failed refresh

export class Refresher {
  /** Calls `act` every `seconds`. */
  constructor(act, seconds) {
    this.act = act;
    this.ms = seconds * 1000;
    this.last = null;
    this.paused = false;
    this.timer = 0;
    this.text = h("span", {});
    this.element = h("button", { class: "button quiet", type: "button", id: "pause", "aria-pressed": "false", onclick: () => this.pause(!this.paused) });
    document.addEventListener("visibilitychange", () => this.wake());
    this.show();
  }

  /** Plans the next refresh; `good`: the last one succeeded. */
  done(good) {
    if (good) this.last = Date.now();
    this.show();
    this.plan(good ? this.ms : Math.min(this.ms, RETRY_MS));
  }

  plan(ms) {
    clearTimeout(this.timer);
    if (!this.paused && !document.hidden) this.timer = setTimeout(() => this.act(), ms);
  }

  wake() {
    if (document.hidden) clearTimeout(this.timer);
    else this.plan(Math.max(0, (this.last ?? 0) + this.ms - Date.now()));
  }

  pause(paused) {
    this.paused = paused;
    this.element.setAttribute("aria-pressed", String(paused));
    this.show();
    this.wake();
  }

  show() {
    const when = this.last === null ? "" : clockText(this.last, OWN_ZONE);
    fill(this.element, icon(this.paused ? "play" : "pause"), h("span", { class: "when" }, this.paused ? `Paused ${when}` : when));
    this.element.setAttribute("aria-label", this.paused ? "Resume refreshing" : `Pause refreshing. Last refreshed ${when}`);
    this.element.title = this.paused ? "Resume refreshing" : `Refreshes every ${this.ms / 1000} s. Click to pause`;
  }
}
