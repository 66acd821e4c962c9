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

const path = (values, x, y) =>
  values.map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(2)} ${y(value).toFixed(2)}`).join("");

/** The picture of a curve; its text is for screen readers. `marks`: `{ value, edge }`, lines across it. */
function curve(holder, kind, high, values, most, marks, words) {
  const x = (index) => (100 * index) / (values.length - 1), y = (value) => high - ((high - 2) * value) / Math.max(most, 1);
  if (!holder.firstChild) {
    const svg = drawn("svg", { class: kind, viewBox: `0 0 100 ${high}`, preserveAspectRatio: "none", role: "img" });
    for (const name of ["area", "limit", "limit leave", "curve"]) svg.append(drawn("path", { class: name }));
    svg.append(drawn("path", { class: "base", d: `M0 ${high}H100` }));
    holder.append(svg);
  }
  const [svg] = holder.children, line = path(values, x, y);
  const across = (edge) => marks.filter((one) => one.edge === edge).map(({ value }) => `M0 ${y(value)}H100`).join("");
  svg.setAttribute("aria-label", seen(words));
  svg.querySelector(".area").setAttribute("d", `${line}L100 ${high}L0 ${high}Z`);
  svg.querySelector(".curve").setAttribute("d", line);
  svg.querySelector(".limit").setAttribute("d", across("enter"));
  svg.querySelector(".leave").setAttribute("d", across("leave"));
}

/** A small curve of the last hour on a scale up to `most`. */
export function spark(holder, values, most, marks, words) {
  const shown = JSON.stringify([values, most, marks]);
  if (holder.dataset.seen === shown) return;
  holder.dataset.seen = shown;
  curve(holder, "trend spark", 30, values, most, marks, words);
}

/** A curve of the last hour on a scale up to `most`. `axis`: what its height means. */
export function trend(holder, values, most, marks, words, axis) {
  curve(holder, "trend", 40, values, most, marks, words);
  if (holder.children.length === 1) {
    const below = element("div");
    below.className = "axis";
    below.ariaHidden = "true";
    below.append(element("span", "1 h ago"), element("span"), element("span", "now"));
    holder.append(below);
  }
  put(holder.children[1].children[1], axis);
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
