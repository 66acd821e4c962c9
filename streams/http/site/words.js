// Words: numbers, times and states as people read them.

const MANY = 10; // characters of a pseudonym that are shown whole

export const number = (value) => value.toLocaleString("en");
export const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;
export const percent = (share) =>
  share === null ? "too few classified" : `${Math.round(100 * share)}\u00a0%`;
export const short = (name) => (name.length > MANY ? `${name.slice(0, MANY - 2)}…` : name);
export const sum = (values) => values.reduce((total, one) => total + one, 0);

/** The name of a window: "10m" is "10 min". */
export const spaced = (window) =>
  window.replace(/^(\d+)(\D+)$/, (_, count, unit) => `${count}\u00a0${unit === "m" ? "min" : unit}`);

export function ago(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

// -- times

let recorded = false;
let zones = new Map(), marks = new Map();

/** Sets whose time is shown, from an answer's `currency`. */
export function keepTime({ clock, facilities }) {
  recorded = clock === "event";
  zones = new Map(facilities.map((one) => [one.facility, one.time_zone]));
  marks = new Map(facilities.map((one) => [one.facility, one.watermark]));
}

/** The facility's time zone, else that of this browser; for recorded data, UTC. */
function zoned(facility) {
  const zone = zones.get(facility) ?? (recorded ? "UTC" : undefined);
  return zone ? { timeZone: zone } : {};
}

/** A time of day. */
export function time(ms, facility, seconds = false) {
  const digits = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const shape = { ...digits, ...(seconds && { second: "2-digit" }), ...zoned(facility) };
  return new Date(ms).toLocaleTimeString("en", shape);
}

/** A time of day; with its date if that is not the present date: that of `now`, or of a recording's watermark. */
export function moment(ms, now, facility) {
  const present = recorded ? marks.get(facility) ?? now : now;
  const zone = zoned(facility);
  const date = (at, shape) => new Date(at).toLocaleDateString("en-GB", { ...shape, ...zone });
  const whole = { year: "numeric", month: "numeric", day: "numeric" };
  if (date(ms, whole) === date(present, whole)) return time(ms, facility);
  const day = date(ms, { weekday: "short", day: "numeric", month: "short" }).replace(",", "");
  return `${day} ${time(ms, facility)}`;
}

// -- units

export const keyOf = (unit) => `${unit.facility}\u0000${unit.unit}`;
export const strained = (unit) => unit.state !== "normal" || unit.strained.length > 0;
export const perHead = ({ trend, staffing }) =>
  staffing.clinicians ? sum(trend.minutes.slice(-10)) / staffing.clinicians : null;

/** The number of alarms in the ten minutes before each minute of the last hour. */
function rolling(minutes) {
  return Array.from({ length: minutes.length - 9 }, (_, end) => minutes.slice(end, end + 10).reduce((sum, one) => sum + one, 0));
}

const ROUND = 10; // figures per clinician are shown to the tenth

/** Alarms in the 10 min before each minute of the last hour: per clinician on duty now, or all if no one is. */
export function rates({ trend, staffing: { clinicians } }) {
  return rolling(trend.minutes).map((count) => (clinicians ? Math.round((ROUND * count) / clinicians) / ROUND : count));
}

/** The limits of alarms per clinician in 10 min, the first state first; none if no one is on duty. */
export const rateLimits = ({ limits = [], staffing }) =>
  staffing.clinicians ? limits.filter((one) => one.measure === "alarms_10m") : [];

/** The lines of these limits in a curve. */
export const rateMarks = (limits) =>
  limits.flatMap(({ enter, leave }) => [{ value: enter, edge: "enter" }, { value: leave, edge: "leave" }]);

/** What a curve of `rates` shows, for those who cannot see it. */
export function curveWords(unit, values, limits) {
  const of = unit.staffing.clinicians ? "alarms per clinician in 10 min" : "alarms in 10 min";
  const told = limits.map(({ state, enter }) => `; ${state} above ${enter}`).join("");
  return (
    `${unit.unit}, ${of} over the last hour: ` +
    `${values[0]} an hour ago, at most ${Math.max(...values)}, ${values.at(-1)} now${told}`
  );
}

/** How many clinicians on duty are overloaded or elevated. */
export function strainWords({ staffing: { states, clinicians } }) {
  const { overloaded, elevated } = states;
  const counts = [overloaded && `${overloaded} overloaded`, elevated && `${elevated} elevated`];
  return `Of ${plural(clinicians, "clinician")} on duty: ${counts.filter(Boolean).join(", ")}`;
}

/** The reasons for the present state; while it recovers, the reasons for which it was entered. */
export function why(one, now, facility) {
  if (one.reasons.length) return one.reasons;
  if (!one.entered.length) return [];
  return [`recovering; at ${moment(one.rose, now, facility)}: ${one.entered.join(", ")}`];
}

/** Why a unit, or one of its clinicians, needs help. `says`: the worker's own sentence. */
export function reasonsOf(unit, now) {
  const { says, strained: others, facility } = unit;
  const own = says === undefined ? why(unit, now, facility) : unit.state === "normal" ? [] : [says];
  const [first] = others;
  if (!first) return own;
  if (own.length) return [...own, strainWords(unit)];
  const theirs = first.says ?? `since ${moment(first.since, now, facility)}, ${why(first, now, facility).join(", ")}`;
  return [strainWords(unit), `One is ${theirs}`];
}

export function staffWords({ staffing: { clinicians, beds, beds_per_clinician: each } }) {
  if (!clinicians) return "no one assigned: is the roster being sent?";
  return `${clinicians} on duty, ${plural(beds, "bed")}, ${each.toFixed(1)} each`;
}

const STEADY = 0.1; // a smaller relative change counts as none

/** Whether it is better than before; null: it cannot be compared. */
export function compared(was, is) {
  const change = was ? (is - was) / was : is ? 1 : 0;
  const word = Math.abs(change) < STEADY ? "About the same" : change < 0 ? "Better" : "Worse";
  const share = Math.abs(Math.round(100 * change));
  return { word, than: was ? `, ${share} % ${change < 0 ? "fewer" : "more"}` : "" };
}

/** The alarms of a unit in this shift and the one before, in words. */
export function shiftWords({ says, before, last: now }) {
  if (says !== undefined) return says;
  if (!before.hours || !now.hours) return "no alarms known from before the last 12 h";
  const rate = ({ alarms, hours }) => (alarms / hours).toFixed(1);
  const over = before.hours < 12 ? ` (${before.hours} h of them known)` : "";
  return `${rate(now)} alarms per hour, ${rate(before)} in the 12\u00a0h before${over}`;
}

/** Who has the unit's page; nothing is claimed while that is not known. */
export function takenWords({ taken, state }, takings) {
  if (taken) return `Page: ${taken.says}.`;
  if (takings !== "unknown" || state !== "overloaded") return "";
  return "Page: it is not known who has it, because Alertmanager does not answer.";
}
