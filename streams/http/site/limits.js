// Limits: those in force, from the worker, for the help.

import { element, lines, mark, parts, show, put } from "./draw.js";

const root = document.getElementById("limits");

/** `rules` and `units`: of an answer of /api/v1/units. */
export function drawLimits({ rules, units }) {
  show(root, Boolean(rules));
  if (!rules) return;
  const at = parts(root);
  put(at.hold, `${rules.hold_seconds / 60}`);
  put(at.cool, `${rules.cool_down_seconds / 60}`);
  const items = rules.legend.map(({ state, says }) => {
    const item = element("li"), shape = element("span");
    mark(shape, state);
    item.append(shape, " ", element("b", state), `: ${words(says)}`);
    return item;
  });
  at.legend.replaceChildren(...items);
  const own = units.filter((unit) => unit.own_limits.length);
  lines(at.own, own.map((unit) => `${unit.unit} (${unit.facility}): ${unit.own_limits.map(({ state, says }) => `${state}: ${words(says)}`).join(". ")}`));
  show(at.own, own.length > 0);
}

const words = (says) => (says.length ? says.join("; ") : "no limit is set");
