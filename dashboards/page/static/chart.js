// Draws charts with Plotly, which the server sends from its Python package. Shared layout: colours, type, margins.
import { bars, funnel } from "./bars.js";
import { heatmap } from "./heatmap.js";
import { lines, stacks } from "./overtime.js";
import { colour } from "./theme.js";
import { tips } from "./tip.js";

const KINDS = { line: lines, stack: stacks, bar: bars, heatmap, funnel };
const CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, showTips: false };

let loaded = null;

/** Plotly, when it is loaded. */
function plotly() {
  loaded ??= new Promise((resolve, reject) => {
    if (window.Plotly) resolve(window.Plotly);
    const script = document.getElementById("plotly");
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => reject(new Error("The charts could not be loaded: reload the page.")));
  });
  return loaded;
}

/** Draws the rows into `place`, or redraws its chart. */
export async function draw(place, panel, rows, context) {
  const library = await plotly();
  const { data, layout } = KINDS[panel.kind](panel, rows, { ...context, width: place.clientWidth || 600 });
  await library.react(place, data, merged(layout), CONFIG);
  tips(place);
}

/** Removes a chart. */
export function forget(place) {
  if (window.Plotly && place.data) window.Plotly.purge(place);
}

function merged(own) {
  const soft = colour("ink-soft");
  const axis = (more = {}) => ({
    fixedrange: true, zeroline: false, gridcolor: colour("line"), linecolor: colour("control-line"), tickcolor: colour("control-line"),
    tickfont: { color: soft, size: 11.5 }, automargin: true, ...more,
  });
  return {
    height: 264, autosize: true, dragmode: false, hovermode: "closest", bargap: 0.25, showlegend: false, uirevision: "kept",
    margin: { l: 8, r: 8, t: 8, b: 8, pad: 4 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", colorway: [colour("other-1")],
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
    legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: { color: soft, size: 12 }, traceorder: "normal", itemclick: "toggle", itemdoubleclick: "toggleothers", bgcolor: "rgba(0,0,0,0)" },
    ...own,
    xaxis: axis(own.xaxis),
    yaxis: axis(own.yaxis),
  };
}
