// Creates elements. Texts become text nodes only, so values from the tables cannot become markup.

/** An element: `class`, `on...` handlers, `data` and any attribute; false and null leave an attribute out. */
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(made.dataset, value);
    else if (key === "value" || key === "checked") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  down: ["M6 9l6 6 6-6"],
  dots: ["M5 12a1.6 1.6 0 1 0 .01 0zM12 12a1.6 1.6 0 1 0 .01 0zM19 12a1.6 1.6 0 1 0 .01 0z"],
  pause: ["M9 6v12", "M15 6v12"],
  play: ["M8 5.5v13l10.5-6.5z"],
  warn: ["M12 4.5L21 19.5H3z", "M12 10v4.5", "M12 17v.2"],
  half: ["M12 3.5a8.5 8.5 0 1 0 0 17z", "M12 3.5a8.5 8.5 0 0 1 0 17"],
  clock: ["M12 3.5a8.5 8.5 0 1 0 .01 0z", "M12 7.5V12l3 2"],
  light: ["M12 8a4 4 0 1 0 .01 0z", "M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4"],
  dark: ["M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z"],
  system: ["M4 5h16v11H4z", "M9 20h6", "M12 16v4"],
  bell: ["M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15z", "M10.5 21h3"],
  close: ["M6 6l12 12", "M18 6L6 18"],
};

/** An icon, hidden from screen readers. */
export function icon(name, extra = "") {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  if (extra) picture.setAttribute("class", extra);
  for (const line of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", line);
    picture.append(path);
  }
  return picture;
}

/** Replaces the content of `parent` with `children`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}
