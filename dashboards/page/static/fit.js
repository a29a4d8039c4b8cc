// Panel widths that fill the rows of the grid: stats spread evenly, and the last panel of a row extends to its end.

const FULL = 12;

/** A width in twelfths for each panel, in order. */
export function fitted(panels) {
  const widths = panels.map((panel) => panel.width);
  let start = 0;
  while (start < panels.length) {
    let end = start + 1;
    while (end < panels.length && panels[end].kind === "stat" && panels[start].kind === "stat") end += 1;
    if (end - start > 1) spread(widths, start, end);
    start = end;
  }
  stretch(panels, widths);
  return widths;
}

/** Stats that would not fill their last row get equal widths. */
function spread(widths, start, end) {
  const total = widths.slice(start, end).reduce((sum, width) => sum + width, 0);
  if (total <= FULL || total % FULL === 0) return;
  const inRow = Math.ceil((end - start) / Math.ceil(total / FULL));
  widths.fill(Math.floor(FULL / inRow), start, end);
}

function stretch(panels, widths) {
  let used = 0;
  widths.forEach((width, at) => {
    if (used + width > FULL) used = 0;
    used += width;
    const next = widths[at + 1] ?? FULL + 1;
    if (used < FULL && used + next > FULL && panels[at].kind !== "stat") {
      widths[at] += FULL - used;
      used = FULL;
    }
  });
}
