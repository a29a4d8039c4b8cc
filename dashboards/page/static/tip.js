// Tooltips of charts: the point of each series with its exact value and the terms of a share.
// Every trace has customdata [title, text, series].
import { fill, h } from "./dom.js";

/** Adds a tooltip to a chart, once. */
export function tips(place) {
  if (place.dataset.tips) return;
  place.dataset.tips = "on";
  const tip = h("div", { class: "tip", hidden: true });
  const rule = h("div", { class: "rule", hidden: true });
  place.append(rule, tip);
  place.on("plotly_hover", ({ points, event }) => {
    const known = points.filter((point) => point.customdata).sort((a, b) => a.curveNumber - b.curveNumber);
    if (!known.length) return;
    fill(tip, h("strong", {}, known[0].customdata[0]), known.map(row));
    tip.hidden = false;
    near(tip, place, event);
    across(rule, place, known[0]);
  });
  place.on("plotly_unhover", () => {
    tip.hidden = true;
    rule.hidden = true;
  });
}

function row(point) {
  const [, text, series] = point.customdata;
  const swatch = h("i", {});
  swatch.style.background = point.fullData.line?.color ?? point.fullData.marker?.color ?? "transparent";
  return h("div", {}, series && swatch, series && h("span", {}, series), h("b", {}, text));
}

/** A thin line through all points of one moment. */
function across(rule, place, { xaxis, yaxis, x }) {
  rule.hidden = place.layout.hovermode !== "x";
  rule.style.left = `${xaxis._offset + xaxis.l2p(x)}px`;
  rule.style.top = `${yaxis._offset}px`;
  rule.style.height = `${yaxis._length}px`;
}

function near(tip, place, event) {
  const box = place.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const left = x + 16 + tip.offsetWidth > box.width ? x - tip.offsetWidth - 16 : x + 16;
  tip.style.left = `${Math.max(0, left)}px`;
  tip.style.top = `${Math.max(0, Math.min(y - 20, box.height - tip.offsetHeight))}px`;
}
