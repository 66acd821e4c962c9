// Limits: those in force, from the worker, for the help; and who is paged, and when shifts begin.

import { element, lines, mark, parts, show, put } from "./draw.js";

const [root, paged, calendar] = ["limits", "paged", "calendar"].map((id) => document.getElementById(id));

/** `found`: an answer of /api/v1/units. */
export function drawRules(found) {
  drawLimits(found);
  drawPaged(found.rules ?? {});
  drawShifts(found.currency.facilities);
}

function drawLimits({ rules, units }) {
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

function drawPaged({ paged: steps, links }) {
  show(paged, Boolean(steps));
  if (!steps) return;
  const at = parts(paged);
  const when = (seconds) => (seconds ? `after ${seconds / 60} min, if nobody takes the page` : "at once");
  lines(at.steps, steps.map(({ who, after_seconds: after }) => `${who}, ${when(after)}`));
  const how = links
    ? "Each page has a link to take it. Taking it stops the next steps."
    : "Pages have no link to take them here (paging.url is not set). Silencing the next alerts in Alertmanager stops them.";
  put(at.taking, how);
}

function drawShifts(facilities) {
  const told = facilities.filter((one) => one.shifts);
  show(calendar, told.length > 0);
  lines(parts(calendar).shifts, told.map((one) => `${one.facility}: ${one.shifts.join(", ")} (${one.time_zone})`));
}
