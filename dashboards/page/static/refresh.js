// Asks again every so often: not while the page is hidden, not while the reader wants it to hold still.
import { fill, h, icon } from "./dom.js";
import { clockText } from "./zone.js";
import { OWN_ZONE } from "./state.js";

const AGAIN_MS = 5000; // what was away may be back soon

export class Refresher {
  /** Calls `act` every `seconds`. */
  constructor(act, seconds) {
    this.act = act;
    this.ms = seconds * 1000;
    this.last = null;
    this.held = false;
    this.timer = 0;
    this.text = h("span", {});
    this.element = h("button", { class: "button quiet", type: "button", id: "hold", "aria-pressed": "false", onclick: () => this.hold(!this.held) });
    document.addEventListener("visibilitychange", () => this.wake());
    this.show();
  }

  /** A round is over; `good`: it brought numbers. The next one is due. */
  done(good) {
    if (good) this.last = Date.now();
    this.show();
    this.plan(good ? this.ms : Math.min(this.ms, AGAIN_MS));
  }

  plan(ms) {
    clearTimeout(this.timer);
    if (!this.held && !document.hidden) this.timer = setTimeout(() => this.act(), ms);
  }

  wake() {
    if (document.hidden) clearTimeout(this.timer);
    else this.plan(Math.max(0, (this.last ?? 0) + this.ms - Date.now()));
  }

  hold(held) {
    this.held = held;
    this.element.setAttribute("aria-pressed", String(held));
    this.show();
    this.wake();
  }

  show() {
    const when = this.last === null ? "" : clockText(this.last, OWN_ZONE);
    fill(this.element, icon(this.held ? "play" : "pause"), h("span", { class: "when" }, this.held ? `Paused ${when}` : when));
    this.element.setAttribute("aria-label", this.held ? "Go on refreshing" : `Pause refreshing. Last refreshed ${when}`);
    this.element.title = this.held ? "Go on refreshing" : `Refreshes itself every ${this.ms / 1000} s. Click to hold still`;
  }
}
