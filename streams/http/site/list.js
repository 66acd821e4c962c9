// List: all units, one row each. Rows are updated in place; nobody is named here.

import { mark, parts, put, sentence, show, spark } from "./draw.js";
import { keep, place, unitAddress } from "./place.js";
import {
  curveWords, keyOf, moment, number, perHead, plural, rateLimits, rates, strained, strainWords, takenWords, why,
} from "./words.js";

const byId = (id) => document.getElementById(id);
const rows = new Map();
let last = null; // the last answer

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const rate = (unit) => perHead(unit) ?? (unit.trend.minutes.slice(-10).some(Boolean) ? Infinity : 0);
const byName = (one, other) =>
  one.unit.localeCompare(other.unit, "en", { numeric: true }) ||
  one.facility.localeCompare(other.facility, "en", { numeric: true });
/** Orders other than the worker's own, by which units in most need come first. */
const ORDERS = { name: byName, rate: (one, other) => rate(other) - rate(one) || byName(one, other) };

function fits(unit, { search, state }) {
  const words = plain(search).split(/\s+/).filter(Boolean), name = plain(`${unit.unit} ${unit.facility}`);
  if (!words.every((word) => name.includes(word))) return false;
  if (state === "strained") return strained(unit);
  return !state || unit.state === state;
}

/** Draws the units of an answer of /api/v1/units. */
export function drawList(found) {
  last = found;
  const chosen = place(), { facilities } = found.currency;
  const several = facilities.length > 1 && !chosen.facility;
  drawChoices(chosen, facilities.map((one) => one.facility));
  const known = new Set(found.units.map(keyOf));
  for (const [key, row] of rows) {
    if (known.has(key)) continue;
    row.item.remove();
    rows.delete(key);
  }
  for (const unit of found.units) {
    const key = keyOf(unit);
    if (!rows.has(key)) rows.set(key, newRow(unit));
    drawRow(rows.get(key), unit, several, found);
  }
  arrange(chosen);
}

/** Shows the rows that are searched for, in the order that is asked for. */
function arrange(chosen) {
  const { units, currency } = last, order = ORDERS[chosen.sort];
  const shown = units.filter((unit) => fits(unit, chosen));
  const keys = new Set(shown.map(keyOf));
  for (const unit of units) show(rows.get(keyOf(unit)).item, keys.has(keyOf(unit)));
  settle(order ? units.toSorted(order) : units);
  for (const button of byId("table").querySelectorAll("[data-sort]")) {
    const own = button.dataset.sort === (order ? chosen.sort : "");
    const way = own ? (chosen.sort === "name" ? "ascending" : "descending") : "none";
    if (button.parentElement.ariaSort !== way) button.parentElement.ariaSort = way;
  }
  const narrowed = chosen.search || chosen.state;
  put(byId("count"), narrowed ? `${number(shown.length)} of ${plural(units.length, "unit")} shown` : "");
  show(byId("table"), shown.length > 0);
  drawEmpty(chosen, shown, units, currency);
}

function drawEmpty(chosen, shown, units, currency) {
  const none = chosen.facility
    ? `No data for ${chosen.facility}: this worker does not hold it, or it has had no alarms.`
    : sentence(currency.says);
  put(byId("empty"), units.length ? "No unit fits the search and the chosen state." : none);
  show(byId("empty"), !shown.length);
  put(byId("left-out"), `${plural(last.left_out, "more unit")} not shown: select a facility.`);
  show(byId("left-out"), last.left_out > 0);
}

/** Moves rows to their places, unless the focus is within the list: nothing moves away there. */
function settle(units) {
  const list = byId("list"), items = units.map((unit) => rows.get(keyOf(unit)).item);
  const settled = items.every((item) => item.parentElement === list);
  if (list.contains(document.activeElement) && settled) return;
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
}

function newRow(unit) {
  const item = byId("row").content.firstElementChild.cloneNode(true);
  const row = Object.assign(parts(item), { item });
  put(row.unit, unit.unit);
  row.link.setAttribute("href", unitAddress(unit));
  return row;
}

function drawRow(row, unit, several, found) {
  if (row.item.dataset.state !== unit.state) row.item.dataset.state = unit.state;
  put(row.facility, several ? unit.facility : "");
  mark(row.mark, unit.state);
  put(row.state, unit.state);
  put(row.since, unit.since === null ? "" : `since ${moment(unit.since, found.at, unit.facility)}`);
  const each = perHead(unit), values = rates(unit), limits = rateLimits(unit);
  put(row.rate, each === null ? number(values.at(-1)) : each.toFixed(1));
  put(row["rate-is"], each === null ? "alarms, no one on duty" : "per clinician");
  // The limits to enter a state; the unit's own address has those to leave it as well.
  const marks = limits.map(({ enter }) => ({ value: enter, edge: "enter" }));
  const most = Math.max(4, ...values, ...marks.map((one) => 1.1 * one.value));
  spark(row.trend, values, most, marks, curveWords(unit, values, limits));
  const { clinicians, beds } = unit.staffing;
  put(row.staffing, clinicians ? `${clinicians} for ${plural(beds, "bed")}` : "no one assigned");
  put(row.relief, reliefWord(unit));
  put(row.taken, takenWords(unit, found.takings));
  put(row.reason, whyWords(unit, found.at));
  const of = found.currency.facilities.find((one) => one.facility === unit.facility);
  put(row.old, of?.says ? sentence(of.says) : "");
  const cells = [row.relief, row.reason.parentElement];
  for (const cell of cells) cell.classList.toggle("none", !cell.textContent.trim());
}

/** One or two short sentences; the unit's own address has the rest. */
function whyWords(unit, now) {
  const [first] = why(unit, now, unit.facility), [worst] = unit.strained;
  const since = first || !worst ? "" : ` since ${moment(worst.since, now, unit.facility)}`;
  const told = [first, worst && strainWords(unit) + since].filter(Boolean);
  return told.map(sentence).join(" ");
}

/** Who and which bed, only the unit's own address says. */
const reliefWord = ({ relief_possible: possible }) =>
  possible === null ? "" : possible ? "a bed can move" : "ask for help";

// -- choices

function drawChoices(chosen, names) {
  const select = byId("facility"), wanted = ["", ...names];
  show(select.parentElement, names.length > 1);
  const before = [...select.options].map((one) => one.value);
  if (wanted.join("\u0000") !== before.join("\u0000")) {
    select.replaceChildren(...wanted.map((name) => new Option(name || "all", name)));
  }
  select.value = wanted.includes(chosen.facility) ? chosen.facility : "";
  const search = byId("search");
  if (search.value !== chosen.search && document.activeElement !== search) search.value = chosen.search;
  for (const name of ["state", "sort"]) {
    const options = [...byId(name).options].map((one) => one.value);
    byId(name).value = options.includes(chosen[name]) ? chosen[name] : "";
  }
}

/** Listens to search, choices and column titles; `renew` asks the worker again. */
export function listen(renew) {
  const change = (choices) => {
    keep({ ...place(), ...choices });
    if (!last) return;
    drawChoices(place(), last.currency.facilities.map((one) => one.facility));
    arrange(place());
  };
  byId("search").addEventListener("input", ({ target }) => change({ search: target.value }));
  byId("state").addEventListener("change", ({ target }) => change({ state: target.value }));
  byId("sort").addEventListener("change", ({ target }) => change({ sort: target.value }));
  byId("facility").addEventListener("change", ({ target }) => {
    keep({ ...place(), facility: target.value });
    renew();
  });
  for (const button of byId("table").querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => change({ sort: button.dataset.sort }));
  }
}

/** The link to a unit, if it is on the list. */
export const linkTo = (unit) => rows.get(keyOf(unit))?.link;

/** Marks the units whose state has changed. */
export function flash(units) {
  for (const unit of units) {
    const { item } = rows.get(keyOf(unit)) ?? {};
    item?.classList.remove("changed");
    requestAnimationFrame(() => item?.classList.add("changed"));
  }
}
