// Unit: everything about one unit, at its own address.

import { ask } from "./asking.js";
import { drawDay, linkCauses, tellDay } from "./day.js";
import { lines, mark, parts, put, sentence, show, trend } from "./draw.js";
import { drawNobody, drawPeople } from "./people.js";
import {
  curveWords, keyOf, moment, number, percent, perHead, plural, rateLimits, rateMarks, rates, reasonsOf, shiftWords, spaced,
  staffWords, takenWords,
} from "./words.js";
import { drawWeek } from "./week.js";

const at = parts(document.getElementById("one"));
let last = null; // the last answer

/** Names the unit before anything is known of it. */
export function announce({ facility, unit }, back) {
  if (last && (last.unit.facility !== facility || last.unit.unit !== unit)) {
    last = null;
    at.people.open = at.table.open = false;
    at.rows.replaceChildren();
    put(at.nobody, "");
    show(at.folk, false);
    lines(at.fixes, []);
    put(at.nothing, "");
    show(at.week, false);
    put(at["week-nothing"], "");
  }
  for (const node of [at.unit, at.of, at["in-day"]]) put(node, unit);
  put(at.facility, facility);
  at.back.setAttribute("href", back);
  show(at.sheet, last !== null);
  show(at.mark.parentElement, last !== null);
  show(at.problem, false);
  if (!last) show(at.board, false);
}

/** Why there is nothing to show. */
export function drawProblem(text) {
  put(at.problem, text);
  show(at.problem, true);
  show(at.sheet, false);
  show(at.mark.parentElement, false);
}

/** Draws an answer of /api/v1/unit. */
export function drawUnit(found) {
  last = found;
  const { unit, at: now } = found;
  show(at.problem, false);
  show(at.sheet, true);
  show(at.mark.parentElement, true);
  mark(at.mark, unit.state);
  put(at.state, unit.state);
  put(at.since, unit.since === null || unit.says ? "" : `since ${moment(unit.since, now, unit.facility)}`);
  show(at.board, found.board_url !== null);
  if (found.board_url && at.board.href !== found.board_url) at.board.href = found.board_url;
  const reasons = reasonsOf(unit, now);
  lines(at.why, reasons.length ? reasons.map(sentence) : ["No measure exceeds its limit."]);
  const relief = unit.relief_says ?? "";
  put(at.relief, relief);
  show(at.relief, Boolean(relief));
  const taken = takenWords(unit, found.takings);
  put(at.taken, taken);
  show(at.taken, Boolean(taken));
  const of = found.currency.facilities.find((one) => one.facility === unit.facility);
  put(at.old, of?.says ? sentence(of.says) : "");
  show(at.old, Boolean(of?.says));
  drawHour(unit);
  drawFacts(unit);
  drawDay(at.day, unit, found.states, now);
  linkCauses(at.causes, unit, found.states, now);
  if (at.table.open) tellDay(at.phases, at.hours, unit, found.states, now);
}

function drawHour(unit) {
  const rate = perHead(unit), values = rates(unit), limits = rateLimits(unit), marks = rateMarks(limits);
  put(at.rate, rate === null ? number(values.at(-1)) : rate.toFixed(1));
  put(at["rate-is"], rate === null ? "alarms in 10 min, no one on duty" : "alarms per clinician in 10 min");
  const most = Math.ceil(Math.max(4, ...values, ...marks.map((one) => 1.1 * one.value)));
  const axis = `0 to ${most} ${rate === null ? "alarms" : "per clinician"}`;
  trend(at.trend, values, most, marks, curveWords(unit, values, limits), axis);
  lines(at.keys, limits.map(({ state, enter, leave }) => `${state} above ${enter} (dashed), until ${leave} or fewer (dotted)`));
  show(at.keys, limits.length > 0);
}

function drawFacts(unit) {
  const windows = Object.keys(unit.alarms).filter((window) => unit.alarms[window] !== null);
  const longest = windows.at(-1), of = unit.nonactionable[longest];
  put(at.few, few(unit));
  show(at.few, unit.suppressed.length > 0);
  const listed = windows.length > 3 ? [windows[0], windows[1], longest] : windows;
  put(at.alarms, listed.map((window) => `${number(unit.alarms[window].all)} in ${spaced(window)}`).join(", "));
  const coverage = of.alarms ? ` (${Math.round((100 * of.classified) / of.alarms)} % classified)` : "";
  const technical = of.classes.technical ? `; ${number(of.classes.technical)} technical, avoidable at the source` : "";
  put(at.nonactionable, `${percent(of.clinical)} of clinical alarms in ${spaced(longest)}${coverage}${technical}`);
  put(at.staffing, staffWords(unit));
  const standing = unit.standing_alarms ? `, ${number(unit.standing_alarms)} for over 1 h` : "";
  put(at.open, `${plural(unit.open_alarms, "alarm")}${standing}`);
  const shown = unit.unassigned_alarms["1h"] === undefined ? longest : "1h";
  put(at.unassigned, `${plural(unit.unassigned_alarms[shown], "alarm")} in ${spaced(shown)}`);
  put(at.shift, sentence(shiftWords(unit.trend.shifts)));
}

/** What is not shown of a unit because few clinicians stand behind it. */
function few({ suppressed }) {
  const names = { hours: "some hours of the last day", shifts: "the comparison of shifts" };
  const left = suppressed.map((one) => names[one] ?? `figures of ${spaced(one)}`);
  return left.length ? `Not shown, because too few clinicians stand behind them: ${left.join(", ")}.` : "";
}

/** Draws the unit's findings, of an answer of /api/v1/findings. */
export function drawFindings({ units, refused }, { facility, unit }) {
  const of = units.find((one) => one.facility === facility && one.unit === unit), own = of?.findings ?? [];
  lines(at.fixes, own.map((one) => sentence(one.says.replaceAll("->", "→"))));
  const why = refused ?? of?.suppressed;
  put(at.nothing, why ? sentence(why) : "There are no alarms.");
  show(at.nothing, !own.length);
}

const WEEK_SECONDS = 600; // the archive is read anew no more often
let week = { of: "", at: -Infinity };

/** Asks for the last seven days of the unit that is shown, if they are not known yet. */
export async function renewWeek() {
  const { facility, unit } = last.unit, of = keyOf(last.unit), now = Date.now();
  if (week.of === of && now - week.at < 1000 * WEEK_SECONDS) return;
  week = { of, at: now };
  if (at.week.hidden && !at["week-nothing"].textContent) drawWeek(at, { days: [], says: null, nothing: "the archive is being read" });
  let found;
  try {
    found = await ask("week", { facility, unit });
  } catch {
    week.at = now - 1000 * (WEEK_SECONDS - 30); // asked again soon
    found = { days: [], says: null, nothing: "the archive cannot be read at the moment" };
  }
  if (last && keyOf(last.unit) === of) drawWeek(at, found);
}

/** Asks for the clinicians, if the section is open. */
export async function renewPeople() {
  if (!at.people.open || !last) return;
  const { facility, unit } = last.unit, { windows } = last;
  try {
    const found = await ask("clinicians", { facility, unit });
    if (last?.unit.unit === unit && last.unit.facility === facility) drawPeople(at, found, windows);
  } catch (error) {
    if (!error.status) throw error;
    drawNobody(at, sentence(error.message));
  }
}

at.people.addEventListener("toggle", renewPeople);
at.table.addEventListener("toggle", () => {
  if (at.table.open && last) tellDay(at.phases, at.hours, last.unit, last.states, last.at);
});
