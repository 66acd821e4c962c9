// Week: the last seven days of a unit from the archive, as bars with their numbers.

import { drawn, element, put, sentence, show } from "./draw.js";
import { number, percent } from "./words.js";

const DAYS = 7;
const HIGH = 40; // height of the bars
const MEASURES = [
  { is: "load", value: (day) => day.alarms, shown: number, least: 1 },
  { is: "nonactionable", value: (day) => day.nonactionable, shown: percent, most: 1 },
  { is: "overloaded", value: (day) => day.overloaded_hours, shown: hours, least: 1 },
];
const LEFT_OUT = { silent: "not in the archive", broken: "only in part in the archive", small: "not shown" };

function hours(value) {
  return value >= 1 || value === 0 ? `${Number(value.toFixed(1))}\u00a0h` : `${Math.round(60 * value)}\u00a0min`;
}

/** The day of a local date, whatever the time zone of this browser. */
function dayOf(date) {
  const shown = new Date(`${date}T12:00:00Z`).toLocaleDateString("en-GB", { weekday: "short", timeZone: "UTC" });
  const day = element("span");
  day.append(element("span", `${shown} `), element("span", `${Number(date.slice(-2))}`));
  return day;
}

/** Draws an answer of /api/v1/week into the parts `at`. */
export function drawWeek(at, { days, says, nothing }) {
  put(at["week-nothing"], nothing ? sentence(nothing) : "");
  show(at["week-nothing"], Boolean(nothing));
  show(at.week, says !== null);
  if (!says) return;
  const last = days.slice(-DAYS);
  for (const { is, value, shown, least = 0, most } of MEASURES) {
    put(at[`week-${is}`], sentence(says[is]));
    const top = most ?? Math.max(least, ...last.map((day) => value(day) ?? 0));
    at[`days-${is}`].replaceChildren(...last.map((day) => bar(day, value(day), top, shown)));
  }
}

function bar(day, value, top, shown) {
  const item = element("li"), svg = drawn("svg", { viewBox: `0 0 10 ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const missing = value === null, height = missing ? HIGH : (HIGH * value) / top;
  svg.append(drawn("rect", { class: missing ? "unknown" : "bar", x: 1, width: 8, y: HIGH - height, height }));
  svg.append(drawn("path", { class: "base", d: `M0 ${HIGH}H10` }));
  const words = missing ? LEFT_OUT[day.left_out] ?? "not known" : shown(value);
  const told = element("span", missing ? "–" : words), said = element("span", missing ? words : "");
  told.className = "value";
  if (missing) told.ariaHidden = "true";
  said.className = "unseen";
  item.append(told, said, svg, dayOf(day.date));
  return item;
}
