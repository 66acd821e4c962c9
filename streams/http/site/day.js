// Day: the last 24 hours of a unit, as a picture and in words. The height of a state's band says
// the same as its colour.

import { drawn, element, lines, put } from "./draw.js";
import { moment, number, plural, time } from "./words.js";

const MINUTE = 60_000, HOUR = 3_600_000, HOURS = 24;
const MOST_RISES = 6; // links to conditions
const BAND = 24; // height of the band of states
const HEIGHTS = { normal: 6, elevated: 15, overloaded: BAND };
const BARS = 60; // height of the bars of alarms
const EVERY = 6; // hours between labels

/** `unit`, `states` and `at`: of an answer of /api/v1/unit. */
export function drawDay(holder, unit, states, at) {
  const end = endOf(states, at), begin = end - HOURS * HOUR, { hours } = unit.trend;
  const most = Math.max(1, ...hours.map((count) => count ?? 0));
  const seen = JSON.stringify([states, hours, end]);
  if (holder.dataset.seen === seen) return;
  holder.dataset.seen = seen;
  const clock = (ms) => time(ms, unit.facility);
  const x = (ms) => (100 * Math.min(Math.max(ms - begin, 0), HOURS * HOUR)) / (HOURS * HOUR);
  const band = picture(BAND, `States of ${unit.unit}: ${phaseWords(unit, states, at).join("; ")}`);
  for (const one of states) {
    const height = HEIGHTS[one.state] ?? BAND;
    const words = `${one.state}, ${clock(one.from)} to ${clock(one.until)}`;
    const width = Math.max(x(one.until) - x(one.from), 0.1);
    const box = { class: one.state, x: x(one.from), y: BAND - height, width, height };
    band.append(titled(drawn("rect", box), words));
  }
  const known = hours.filter((count) => count !== null);
  const bars = picture(
    BARS,
    `Alarms of ${unit.unit} by hour: ${plural(known.reduce((sum, one) => sum + one, 0), "alarm")} ` +
      `in ${plural(known.length, "hour")}, at most ${number(most)} in one`,
  );
  hours.forEach((count, hour) => {
    const from = begin + hour * HOUR;
    const height = count === null ? BARS : Math.max((BARS * count) / most, count ? 0.8 : 0);
    const box = { class: count === null ? "unknown" : "bar", x: x(from) + 0.25, width: 100 / HOURS - 0.5 };
    const hidden = unit.suppressed.includes("hours") ? "not known or not shown" : "not known";
    const words = count === null ? hidden : plural(count, "alarm");
    const bar = drawn("rect", { ...box, y: BARS - height, height });
    bars.append(titled(bar, `${words}, ${clock(from)} to ${clock(from + HOUR)}`));
  });
  bars.append(drawn("path", { class: "base", d: `M0 ${BARS}H100` }));
  const top = element("p", `Alarms by hour, up to ${number(most)}`);
  top.className = "scale";
  holder.replaceChildren(band, top, bars, axis(begin, unit, end));
}

/** The states end now, by the clock that the numbers have. */
const endOf = (states, at) => states.at(-1)?.until ?? at;

function picture(height, words) {
  const shape = { viewBox: `0 0 100 ${height}`, preserveAspectRatio: "none", role: "img" };
  const svg = drawn("svg", { ...shape, class: height === BAND ? "phases" : "hourly" });
  svg.setAttribute("aria-label", words);
  return svg;
}

function titled(shape, words) {
  const title = drawn("title", {});
  put(title, words);
  shape.append(title);
  return shape;
}

function axis(begin, unit, end) {
  const row = element("div");
  row.className = "axis";
  row.ariaHidden = "true";
  for (let hour = 0; hour < HOURS; hour += EVERY) {
    row.append(element("span", moment(begin + hour * HOUR, end, unit.facility)));
  }
  row.append(element("span", "now"));
  return row;
}

const phaseWords = ({ facility }, states, at) => {
  const now = endOf(states, at);
  return states.map((one, index) => {
    const until = index === states.length - 1 ? "now" : moment(one.until, now, facility);
    return `${one.state} from ${moment(one.from, now, facility)} to ${until}`;
  });
};

/** Links to the conditions around each rise of the state, latest first, and around now. */
export function linkCauses(list, { facility, unit }, states, at) {
  const now = endOf(states, at);
  const rises = states.filter((one, index) => one.state !== "normal" && index > 0).slice(-MOST_RISES).reverse();
  const moments = [
    { at: now, words: "The last hour" },
    ...rises.map((one) => ({ at: one.from, words: `${one.state} from ${moment(one.from, now, facility)}` })),
  ];
  const seen = JSON.stringify([moments.slice(1), facility, unit, Math.floor(now / MINUTE)]);
  if (list.dataset.seen === seen) return;
  list.dataset.seen = seen;
  list.replaceChildren(...moments.map((one) => {
    const item = element("li"), link = element("a", one.words);
    link.setAttribute("href", `incident?${new URLSearchParams({ facility, unit, at: one.at })}`);
    item.append(link);
    return item;
  }));
}

/** The same in words, latest first. */
export function tellDay(phases, hours, unit, states, at) {
  const end = endOf(states, at);
  const told = phaseWords(unit, states, at).reverse();
  lines(phases, told.length ? told : ["Nothing is known."]);
  const words = unit.trend.hours.map((count, hour) => {
    const from = end - (HOURS - hour) * HOUR;
    const counted = count === null ? "not known" : plural(count, "alarm");
    return `${time(from, unit.facility)} to ${time(from + HOUR, unit.facility)}: ${counted}`;
  });
  lines(hours, words.reverse());
}
