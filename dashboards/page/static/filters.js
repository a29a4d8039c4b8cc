// The filter bar: range, source, template, campaign, time zone. Each choice becomes part of the address.
import { get } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { count } from "./format.js";
import { filterButton, menu } from "./menu.js";
import { OWN_ZONE, query } from "./state.js";
import { dateValue } from "./zone.js";

const RANGES = { today: "Today", yesterday: "Yesterday", "7d": "7 days", "30d": "30 days", "90d": "90 days", all: "All" };
const LISTS = { source: ["Source", "All sources"], template: ["Template", "All templates"], campaign: ["Campaign", "All campaigns"] };
const TYPING_MS = 180;

/** Builds the bar in `place`. `page` has state(), change(part of a state), selection(). Returns the update function. */
export function filters(place, page, ranges) {
  const parts = [rangeFilter(page, ranges), ...Object.keys(LISTS).map((name) => listFilter(page, name)), zoneFilter(page)];
  place.replaceChildren(...parts.map((part) => part.element));
  return () => parts.forEach((part) => part.update());
}

function rangeFilter(page, ranges) {
  const buttons = ranges.map((range) => h("button", {
    class: "button", type: "button", data: { range }, onclick: () => page.change({ range, from: null, to: null }),
  }, RANGES[range] ?? range));
  const custom = h("button", { class: "button", type: "button" }, h("span", {}, "Dates"), icon("down", "arrow"));
  const element = h("div", { class: "choices", role: "group", "aria-label": "Range" }, buttons, custom);
  menu(custom, (close) => dates(page, close), { label: "First and last day" });
  const update = () => {
    const { range } = page.state();
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.range === range)));
    custom.setAttribute("aria-pressed", String(range === null));
  };
  return { element, update };
}

function dates(page, close) {
  const selection = page.selection();
  const { from, to, zone } = page.state();
  const day = (chosen, moment) => (/^\d{4}-\d\d-\d\d$/.test(chosen ?? "") ? chosen : selection ? dateValue(moment, zone) : "");
  const first = h("input", { class: "input", type: "date", name: "from", required: true, value: day(from, Date.parse(selection?.from)) });
  const last = h("input", { class: "input", type: "date", name: "to", required: true, value: day(to, Date.parse(selection?.to) - 1) });
  const form = h("form", { "aria-label": "Dates" },
    h("label", { class: "field" }, "First day", first), h("label", { class: "field" }, "Last day", last),
    h("button", { class: "button main", type: "submit" }, "Show"));
  const check = () => last.setCustomValidity(first.value && last.value && last.value < first.value ? "The last day is before the first day." : "");
  form.addEventListener("input", check);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    close();
    page.change({ range: null, from: first.value, to: last.value });
  });
  return form;
}

function chosenText(values, none) {
  if (!values.length) return none;
  return values.length === 1 ? values[0] : `${values.length} selected`;
}

function listFilter(page, name) {
  const [title, none] = LISTS[name];
  const { button, value } = filterButton(title);
  const element = h("div", {}, button);
  menu(button, (close) => choices(page, name, title, close), { label: title });
  const update = () => {
    const values = page.state()[name];
    value.textContent = chosenText(values, none);
    button.classList.toggle("chosen", values.length > 0);
    button.title = values.join(", ");
  };
  return { element, update };
}

function choices(page, name, title, close) {
  const chosen = new Set(page.state()[name]);
  const search = h("input", { class: "input", type: "search", placeholder: `Find a ${title.toLowerCase()}`, "aria-label": `Find a ${title.toLowerCase()}`, autocomplete: "off" });
  const list = h("fieldset", {}, h("p", { class: "hint" }, "Loading …"));
  const apply = () => {
    close();
    page.change({ [name]: [...chosen] });
  };
  const box = ({ value, messages }) => h("label", { class: "item" },
    h("input", { type: "checkbox", checked: chosen.has(value), onchange: (event) => (event.target.checked ? chosen.add(value) : chosen.delete(value)) }),
    h("span", { class: "what" }, value), messages !== null && h("span", { class: "count" }, count(messages)));
  const load = async () => {
    const searched = search.value;
    try {
      const without = new URLSearchParams(query(page.state(), name === "source" ? ["source", "template", "campaign"] : ["template", "campaign"]));
      without.set("kind", name);
      if (searched) without.set("q", searched);
      const { body } = await get("/api/filters", without.toString());
      if (searched !== search.value) return;
      const kept = searched ? [] : [...chosen].filter((value) => !body.values.some((entry) => entry.value === value)).map((value) => ({ value, messages: null }));
      const legend = h("legend", { class: "unseen" }, title);
      const rest = body.more ? "More are available: type a part of the name." : body.values.length || kept.length ? null : searched ? "No name contains this text." : `No ${title.toLowerCase()} in this range.`;
      fill(list, legend, [...kept, ...body.values].map(box), rest && h("p", { class: "hint" }, rest));
    } catch (error) {
      fill(list, h("p", { class: "hint" }, error.message));
    }
  };
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(load, TYPING_MS);
  });
  const form = h("form", { "aria-label": title, class: "search-form" }, search, list, h("div", { class: "foot-row" },
    h("button", { class: "button quiet", type: "button", onclick: () => { chosen.clear(); apply(); } }, "All"),
    h("button", { class: "button main", type: "submit" }, "Show")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  load();
  return form;
}

function zones() {
  const known = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
  return [...new Set([OWN_ZONE, "UTC", ...known])];
}

const MOST_ZONES = 60;

function zoneFilter(page) {
  const { button, value } = filterButton("Time zone");
  const element = h("div", { class: "push" }, button);
  menu(button, (close) => {
    const search = h("input", { class: "input", type: "search", placeholder: "Find a time zone", "aria-label": "Find a time zone", autocomplete: "off" });
    const list = h("div", {});
    const show = () => {
      const words = search.value.trim().toLowerCase().replaceAll(" ", "_");
      const found = zones().filter((zone) => zone.toLowerCase().includes(words));
      fill(list, found.slice(0, MOST_ZONES).map((zone) => h("button", {
        class: "item", type: "button", "aria-pressed": String(zone === page.state().zone),
        onclick: () => { close(); page.change({ zone }); },
      }, h("span", { class: "what" }, zone), zone === OWN_ZONE && h("span", { class: "count" }, "this browser"))),
      found.length > MOST_ZONES && h("p", { class: "hint" }, "More are available: type a part of the name."));
    };
    search.addEventListener("input", show);
    show();
    return [search, list];
  }, { label: "Time zone" });
  return { element, update: () => { value.textContent = page.state().zone; } };
}
