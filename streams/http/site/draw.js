// Drawing: texts, marks and curves. Data from the worker are only ever inserted as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  normal: ["circle", { cx: 10, cy: 10, r: 7.5 }],
  elevated: ["path", { d: "M10 2 18.5 17.5H1.5Z" }],
  overloaded: ["path", { d: "M2.5 2.5h15v15h-15z" }],
};

// Invisible characters, and those that change the direction of the text after them.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const seen = (text) => text.replace(UNSEEN, "?");

/** Writes a text only if it differs, so that nothing flickers and screen readers repeat nothing. */
export function put(node, text) {
  const shown = seen(text);
  if (node.textContent !== shown) node.textContent = shown;
}

export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

export function element(name, text = "") {
  const node = document.createElement(name);
  node.textContent = seen(text);
  return node;
}

/** The parts of a template, by `data-is`. */
export function parts(root) {
  return Object.fromEntries([...root.querySelectorAll("[data-is]")].map((node) => [node.dataset.is, node]));
}

/** Gives a list one child for each text, and updates them in place. */
export function lines(list, texts, name = "li") {
  while (list.children.length > texts.length) list.lastElementChild.remove();
  while (list.children.length < texts.length) list.append(document.createElement(name));
  texts.forEach((text, index) => put(list.children[index], text));
}

export function drawn(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** The shape of a state, shown next to its name. */
export function mark(holder, state) {
  if (holder.dataset.state === state) return;
  holder.dataset.state = state;
  const svg = drawn("svg", { class: "mark", viewBox: "0 0 20 20", "aria-hidden": "true" });
  svg.dataset.state = state;
  svg.append(drawn(...(SHAPES[state] ?? SHAPES.normal)));
  holder.replaceChildren(svg);
}

/** The number of alarms in the ten minutes before each minute of the last hour. */
export function rolling(minutes) {
  return Array.from({ length: minutes.length - 9 }, (_, end) => minutes.slice(end, end + 10).reduce((sum, one) => sum + one, 0));
}

const path = (values, x, y) =>
  values.map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(2)} ${y(value).toFixed(2)}`).join("");

/** A small curve of the last hour on a scale up to `most`, with a line at `limit`. */
export function spark(holder, values, most, limit, words) {
  const x = (index) => (100 * index) / (values.length - 1), y = (value) => 30 - (28 * value) / Math.max(most, 1);
  const seen = JSON.stringify([values, most, limit]);
  if (holder.dataset.seen === seen) return;
  holder.dataset.seen = seen;
  if (!holder.firstChild) {
    const svg = drawn("svg", { class: "trend spark", viewBox: "0 0 100 30", preserveAspectRatio: "none", role: "img" });
    for (const name of ["area", "limit", "curve"]) svg.append(drawn("path", { class: name }));
    svg.append(drawn("path", { class: "base", d: "M0 30H100" }));
    holder.append(svg);
  }
  const [svg] = holder.children, line = path(values, x, y), within = limit > 0 && limit <= most;
  svg.setAttribute("aria-label", words.replace(UNSEEN, "?"));
  svg.querySelector(".area").setAttribute("d", `${line}L100 30L0 30Z`);
  svg.querySelector(".curve").setAttribute("d", line);
  svg.querySelector(".limit").setAttribute("d", within ? `M0 ${y(limit)}H100` : "");
}

/** A curve of the last hour on a scale up to `most`, with a line at `limit`. */
export function trend(holder, values, most, limit, words) {
  const high = Math.max(most, 1);
  const x = (index) => (100 * index) / (values.length - 1);
  const y = (value) => 40 - (38 * value) / high;
  const line = path(values, x, y);
  if (!holder.firstChild) {
    const svg = drawn("svg", { class: "trend", viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img" });
    for (const name of ["area", "limit", "curve"]) svg.append(drawn("path", { class: name }));
    svg.append(drawn("path", { class: "base", d: "M0 40H100" }));
    const axis = element("div");
    axis.className = "axis";
    axis.ariaHidden = "true";
    axis.append(element("span", "1 h ago"), element("span"), element("span", "now"));
    holder.append(svg, axis);
  }
  const [svg, axis] = holder.children;
  svg.setAttribute("aria-label", seen(words));
  svg.querySelector(".area").setAttribute("d", `${line}L100 40L0 40Z`);
  svg.querySelector(".curve").setAttribute("d", line);
  const within = limit > 0 && limit <= high;
  svg.querySelector(".limit").setAttribute("d", within ? `M0 ${y(limit)}H100` : "");
  put(axis.children[1], within ? `dashed: ${limit}, the most that is manageable` : `up to ${high}`);
}

/** Two bars, one above the other: alarms before and after. The same numbers are shown as text. */
export function bars(holder, before, after) {
  if (!holder.firstChild) {
    const svg = drawn("svg", { class: "bars", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" });
    svg.append(drawn("rect", { class: "before", height: 8 }), drawn("rect", { class: "after", y: 11, height: 8 }));
    holder.append(svg);
  }
  const [first, second] = holder.firstChild.children;
  first.setAttribute("width", before ? 100 : 0);
  second.setAttribute("width", before ? (100 * after) / before : 0);
}
