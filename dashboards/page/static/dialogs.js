// Dialogs with the definition and the SQL of a panel. The browser's dialog closes with Esc and restores the focus.
import { get } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { limitText, shown } from "./format.js";

function open(title, ...content) {
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" },
    h("div", { class: "bar" }, h("h2", { id: "dialog-title" }, title),
      h("button", { class: "button quiet icon", type: "button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"))),
    h("div", { class: "text" }, content));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

const LAYERS = {
  live: "the event tables, without delay", copy: "the copy, sorted by time of sending", rollup: "rollups of 15 minutes", samples: "samples, every 10 seconds",
};

const part = (title, ...content) => h("section", {}, h("h3", {}, title), content);

/** The definition: meaning, remediation, source of the numbers and their lag. */
export function about(panel, context, freshness) {
  const limit = panel.threshold && `Red ${limitText(panel, context)}.`;
  const layer = freshness?.[panel.layer];
  open(panel.title,
    part("Definition", h("p", {}, panel.meaning)),
    part("When the panel is red", h("p", {}, panel.remediation, limit && ` ${limit}`)),
    part("Data", h("dl", {},
      h("dt", {}, "Layer"), h("dd", {}, LAYERS[panel.layer] ?? panel.layer),
      layer && [h("dt", {}, "As of"), h("dd", {}, shown(layer.at, "time", context), ` (${context.zone})`)],
      layer && [h("dt", {}, "Lag"), h("dd", {}, shown(layer.lag_seconds, "seconds", context), layer.pending ? `, ${layer.pending} changes pending` : "")])),
    part("Columns", h("dl", {}, panel.columns.map((column) => [h("dt", {}, h("code", {}, column.name)), h("dd", {}, column.title)]))));
}

/** The SQL, ready to paste. */
export async function sql(panel, query) {
  const dialog = open(`SQL of ${panel.title}`, h("p", {}, "Loading …"));
  const text = dialog.querySelector(".text");
  try {
    const { body } = await get(`/api/panels/${panel.id}/sql`, query);
    fill(text,
      code("SQL with values", body.inlined),
      code("SQL with parameters, as the page runs it", body.sql),
      part("Parameters", h("dl", {}, Object.entries(body.parameters).map(([name, value]) => [h("dt", {}, h("code", {}, name)), h("dd", {}, JSON.stringify(value))]))),
      code("In a shell", body.command),
      code("Over HTTP", body.curl));
  } catch (error) {
    fill(text, h("p", {}, error.message));
  }
}

function code(title, text) {
  const button = h("button", { class: "button", type: "button", "aria-label": `Copy: ${title}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.closest("section").querySelector("pre"));
      button.textContent = "Selected";
    }
  });
  return h("section", {}, h("div", { class: "code-head" }, h("h3", {}, title), button), h("pre", { tabindex: "0" }, text));
}
