// The page: asks the worker for the units and updates them in place. Focus, scroll position and open sections stay as they are.

import { element, lines, mark, parts, put, readable, rolling, sentence, show, trend } from "./draw.js";
import { workbench } from "./workbench.js";

const MANAGEABLE = 2; // alarms per person in 10 min (ISA-18.2)
const FINDINGS_SECONDS = 30;
const PATIENCE_SECONDS = 15; // how long to wait for an answer
const STEADY = 0.1; // a smaller relative change between shifts counts as none
const byId = (id) => document.getElementById(id);
const answers = Object.fromEntries(["worst", "relief", "fix", "current", "before"].map((id) => [id, parts(byId(id))]));
const cards = new Map();
let last = null; // the last answer, with its arrival (ms, by this browser's clock)
let findings = { at: -Infinity, units: null };
let refresh = 5;
let trouble = "";

const number = (value) => value.toLocaleString("en");
const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;
const percent = (share) => (share === null ? "too few classified" : `${Math.round(100 * share)}\u00a0%`);
const short = (name) => (name.length > 10 ? `${name.slice(0, 8)}…` : name);
const spaced = (window) => window.replace(/^(\d+)(\D+)$/, (_, count, unit) => `${count}\u00a0${unit === "m" ? "min" : unit}`);
const sum = (values) => values.reduce((total, one) => total + one, 0);

/** A time of day, in the time zone of this browser; for recorded data, in UTC. */
function time(ms, seconds = false) {
  const recorded = last?.currency.clock === "event";
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(seconds && { second: "2-digit" }), ...(recorded && { timeZone: "UTC" }) };
  return new Date(ms).toLocaleTimeString("en", shape);
}

function ago(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

// -- requests

async function ask(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  const answer = await fetch(`api/v1/${path}?${query}`, { signal: AbortSignal.timeout(1000 * PATIENCE_SECONDS), cache: "no-cache" });
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(content.error ?? `status ${answer.status}`), { status: answer.status });
  return content;
}

const chosen = () => new URLSearchParams(location.search).get("facility") ?? "";

async function update() {
  try {
    const found = await ask("units", { facility: chosen() });
    last = Object.assign(found, { came: Date.now() });
    refresh = found.refresh_seconds;
    trouble = "";
    draw(found);
    await Promise.all([...cards.values()].filter((card) => card.people.open).map(drawPeople));
    await updateFindings();
  } catch (error) {
    trouble = explain(error);
  }
  showAge();
}

function explain(error) {
  if (error.status === 401) return "The worker requires a token: reload this page.";
  if (error.status === 503) return `The worker is starting: ${error.message}.`;
  return error.status ? `The worker could not answer: ${error.message}.` : "The worker cannot be reached.";
}

async function updateFindings() {
  if (Date.now() - findings.at >= 1000 * FINDINGS_SECONDS || findings.of !== chosen()) {
    const found = await ask("findings", { facility: chosen(), top: "3" });
    const units = new Map(found.units.map((unit) => [keyOf(unit), unit]));
    findings = { at: Date.now(), of: chosen(), units, window: found.window };
  }
  drawFix();
  for (const [key, card] of cards) drawFindings(key, card);
}

async function follow() {
  for (;;) {
    if (!document.hidden) await update();
    await new Promise((wake) => {
      const timer = setTimeout(wake, 1000 * refresh);
      const early = () => document.hidden || (clearTimeout(timer), wake());
      addEventListener("visibilitychange", early, { once: true });
    });
  }
}

/** Shows the present problem, if any, and the age of the numbers. */
function showAge() {
  const seconds = last ? (Date.now() - last.came) / 1000 : 0;
  const silent = last && seconds > 3 * refresh + PATIENCE_SECONDS ? "The worker does not answer." : "";
  const problem = trouble || silent;
  const since = problem && last ? ` The numbers below are from ${new Date(last.came).toLocaleTimeString("en", { hourCycle: "h23" })}, ${ago(seconds)} ago.` : "";
  put(byId("trouble"), problem + since);
  show(byId("trouble"), Boolean(problem));
  put(byId("age"), last ? `updated ${seconds < 1 ? "now" : `${ago(seconds)} ago`}` : "");
  const old = Boolean(problem) || (last && !["current", "incomplete"].includes(last.currency.state));
  document.body.classList.toggle("old", Boolean(old));
  if (problem) {
    put(answers.current.head, last ? "No" : "Not yet");
    put(answers.current.body, problem);
  }
}

// -- the five questions at the top

const keyOf = (unit) => `${unit.facility}\u0000${unit.unit}`;
const several = () => last.currency.facilities.length > 1;
const nameOf = (unit) => (several() && !chosen() ? `${unit.unit} (${unit.facility})` : unit.unit);
const strained = (unit) => unit.state !== "normal" || unit.strained.length > 0;
const perHead = (unit) => (unit.staffing.clinicians ? sum(unit.trend.minutes.slice(-10)) / unit.staffing.clinicians : null);

function answer(which, head, body) {
  put(answers[which].head, head);
  put(answers[which].body, body);
}

function drawAnswers(found) {
  const worst = found.units[0];
  if (!worst) answer("worst", "No one yet", "No unit has had an alarm or a clinician on duty.");
  else if (!strained(worst)) {
    const rate = perHead(worst);
    answer("worst", "No one", `No load exceeds its limit. Highest: ${nameOf(worst)}${rate === null ? "" : `, ${rate.toFixed(1)} alarms per clinician in 10 min`}.`);
  } else answer("worst", `${nameOf(worst)}: ${worstState(worst)}`, reasonsOf(worst).slice(0, 2).map(sentence).join(" "));

  const helped = found.units.find((unit) => unit.relief);
  const alone = found.units.find((unit) => unit.relief_says && !unit.relief);
  const first = alone && (!helped || alone === worst) ? `${nameOf(alone)}: ${alone.relief_says} ` : "";
  if (helped) answer("relief", `${nameOf(helped)}: ${short(helped.relief.to.clinician)}`, first + (first && `${nameOf(helped)}: `) + helped.relief_says);
  else if (alone) answer("relief", nameOf(alone), alone.relief_says);
  else answer("relief", "No need", "No load exceeds its limit.");

  drawCurrency(found.currency);
  drawShifts(found.units);
}

const CURRENT = { current: "Yes", incomplete: "Incomplete", empty: "No data yet" };

/** Whether the numbers are reliable, and what is wrong with them. */
function drawCurrency({ state, says, facilities, warnings }) {
  const ours = warnings.filter((one) => !chosen() || one.facility === null || one.facility === chosen());
  const elsewhere = state === "incomplete" && !ours.length;
  const latest = Math.max(...facilities.map((one) => one.watermark));
  const text = elsewhere ? "No data are known to be missing here." : sentence(state === "incomplete" && chosen() ? ours[0].says : says);
  const event = facilities.length ? ` Last alarm event: ${time(latest, true)}.` : "";
  answer("current", elsewhere ? "Yes" : CURRENT[state] ?? "No", text + event);
  lines(byId("warnings"), ours.map((one) => sentence(one.says)));
  show(byId("warnings"), ours.length > 0);
}

/** Shows a warning on the units of a facility that has been quiet for long. */
function drawOld(card, unit) {
  const of = last.currency.facilities.find((one) => one.facility === unit.facility);
  put(card.old, of?.says ? sentence(of.says) : "");
  show(card.old, Boolean(of?.says));
}

function worstState(unit) {
  if (unit.state !== "normal") return unit.state;
  const { overloaded, elevated } = unit.staffing.states;
  return overloaded ? `${overloaded} of ${unit.staffing.clinicians} overloaded` : `${elevated} of ${unit.staffing.clinicians} elevated`;
}

/** The reasons for the present state; while it recovers, the reasons for which it was entered. */
function why(one) {
  if (one.reasons.length) return one.reasons;
  return one.entered.length ? [`recovering; at ${time(one.rose)}: ${one.entered.join(", ")}`] : [];
}

function reasonsOf(unit) {
  const own = why(unit);
  if (!unit.strained.length) return own;
  const { overloaded, elevated } = unit.staffing.states, { clinicians } = unit.staffing;
  const counts = [overloaded && `${overloaded} overloaded`, elevated && `${elevated} elevated`].filter(Boolean).join(", ");
  const [first] = unit.strained;
  return own.length
    ? [...own, `Of ${plural(clinicians, "clinician")} on duty: ${counts}`]
    : [`Of ${plural(clinicians, "clinician")} on duty: ${counts}, since ${time(first.since)} (${why(first).join(", ")})`];
}

/** Alarms per hour in this and the previous shift, over the hours whose alarms are all known. */
function shiftWords({ before, last: now }) {
  if (!before.hours || !now.hours) return null;
  const [was, is] = [before.alarms / before.hours, now.alarms / now.hours];
  const change = was ? (is - was) / was : is ? 1 : 0;
  const word = Math.abs(change) < STEADY ? "About the same" : change < 0 ? "Better" : "Worse";
  const than = was ? `, ${Math.abs(Math.round(100 * change))} % ${change < 0 ? "fewer" : "more"}` : "";
  const over = before.hours < 12 ? ` (${before.hours} h of them known)` : "";
  return {
    word,
    says: `${is.toFixed(1)} alarms per hour in the last 12\u00a0h, ${was.toFixed(1)} in the 12\u00a0h before${over}${than}`,
    brief: `${is.toFixed(1)} alarms per hour, ${was.toFixed(1)} in the 12\u00a0h before${over}`,
  };
}

function drawShifts(units) {
  const add = (which) => ({
    hours: Math.max(0, ...units.map((unit) => unit.trend.shifts[which].hours)),
    alarms: sum(units.map((unit) => unit.trend.shifts[which].alarms)),
  });
  const found = shiftWords({ before: add("before"), last: add("last") });
  if (found) answer("before", found.word, `${found.says}.`);
  else answer("before", "Not known yet", "No alarms are known from before the last 12 h.");
}

const REMEDIES = {
  sensor: () => "replace or reposition sensors, cables or lines",
  merge: () => "merge it with the alarm that it accompanies, or suppress it",
  deadband: () => "add a deadband, or a hold-off before it sounds again",
  limit: () => "change the default limit",
  delay: ({ delay }) => `add an annunciation delay of ${delay.seconds} s`,
  standing_rule: () => "add a rule for acknowledging or latching standing alarms",
  release: () => "clear the alarm, or take the device out of service",
  staffing: () => "assign fewer beds per clinician, or route the alarm to someone else",
  review: () => "review the alarm",
};

function drawFix() {
  if (!findings.units) return;
  const all = [...findings.units.values()].flatMap((unit) => unit.findings.map((one) => ({ unit, one })));
  const fixable = all.filter(({ one }) => REMEDIES[one.remedy]).sort((a, b) => b.one.load.count - a.one.load.count);
  if (fixable.length) {
    const { unit, one } = fixable[0];
    const share = `${number(one.load.count)} of ${number(one.load.of)} non-actionable or technical alarms in ${spaced(findings.window)}`;
    const review = one.clinical_review ? ", after a clinical review" : "";
    const what = [one.device_type, one.source, one.code].join("/");
    const change = one.advice === "open" ? "Not advised yet, as too few alarms were needed to show what it would hide" : "Change";
    answer("fix", `${one.name} in ${nameOf(unit)}`, `${what}: ${share}. ${change}: ${REMEDIES[one.remedy](one)}${review}. Owner: ${one.owner}.`);
  } else answer("fix", "None yet", all.length ? "No alarm type shows a pattern that a change would fix, or too few alarms are classified." : "There are no alarms.");
}

// -- units

function draw(found) {
  const { facilities } = found.currency;
  const place = chosen() || facilities.map((one) => one.facility).slice(0, 4).join(", ");
  put(byId("place"), found.currency.clock === "event" ? `${place} (recorded time, UTC)` : place);
  drawChoice(facilities.map((one) => one.facility));
  put(byId("now"), facilities.length ? time(found.currency.clock === "event" ? Math.max(...facilities.map((one) => one.watermark)) : found.at, true) : "");
  drawAnswers(found);
  const overloaded = found.units.filter((unit) => unit.state === "overloaded").length;
  document.title = `${overloaded ? `${plural(overloaded, "unit")} overloaded, ` : ""}${overloaded ? "alarm" : "Alarm"} load`;
  drawEmpty(found);
  const most = Math.max(10, ...found.units.map((unit) => Math.max(...rolling(unit.trend.minutes))));
  const before = new Map([...cards].map(([key, card]) => [key, card.item.dataset.state]));
  for (const [key, card] of cards) {
    if (!found.units.some((unit) => keyOf(unit) === key)) {
      card.item.remove();
      cards.delete(key);
    }
  }
  for (const unit of found.units) {
    if (!cards.has(keyOf(unit))) cards.set(keyOf(unit), newCard(unit));
    drawUnit(cards.get(keyOf(unit)), unit, most);
  }
  order(found.units.map((unit) => cards.get(keyOf(unit)).item));
  offerUnits(found.units, several() && !chosen());
  reportChanges(found.units, before);
}

function drawChoice(names) {
  const select = byId("facility");
  show(select.parentElement, names.length > 1);
  const wanted = ["", ...names];
  if (wanted.join("\u0000") !== [...select.options].map((one) => one.value).join("\u0000")) {
    select.replaceChildren(...wanted.map((name) => Object.assign(element("option", name || "all"), { value: name })));
  }
  select.value = wanted.includes(chosen()) ? chosen() : "";
}

function drawEmpty(found) {
  const empty = chosen() ? `No data for ${chosen()}: this worker does not hold it, or it has had no alarms.` : sentence(found.currency.says);
  put(byId("empty"), empty);
  show(byId("empty"), !found.units.length);
  put(byId("left-out"), `${plural(found.left_out, "more unit")} not shown: select a facility.`);
  show(byId("left-out"), found.left_out > 0);
}

/** Moves units to their new positions, unless the focus is within the list. */
function order(items) {
  const list = byId("list");
  if (list.contains(document.activeElement) && items.every((item) => item.parentElement === list)) return;
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
}

function reportChanges(units, before) {
  const changed = units.filter((unit) => before.has(keyOf(unit)) && before.get(keyOf(unit)) !== unit.state);
  for (const unit of changed) {
    const { item } = cards.get(keyOf(unit));
    item.classList.remove("changed");
    requestAnimationFrame(() => item.classList.add("changed"));
  }
  if (changed.length) put(byId("news"), changed.map((unit) => `${nameOf(unit)} is now ${unit.state}`).join(", "));
}

function newCard(unit) {
  const item = byId("unit").content.firstElementChild.cloneNode(true);
  const card = Object.assign(parts(item), { item, name: { facility: unit.facility, unit: unit.unit } });
  put(card.unit, unit.unit);
  put(card.of, unit.unit);
  put(card.in, unit.unit);
  card.region.ariaLabel = `Clinicians of ${card.unit.textContent}`;
  card.people.addEventListener("toggle", () => card.people.open && drawPeople(card));
  return card;
}

function drawUnit(card, unit, most) {
  card.item.dataset.state = unit.state;
  put(card.facility, several() && !chosen() ? unit.facility : "");
  mark(card.mark, unit.state);
  put(card.state, unit.state);
  put(card.since, unit.since === null ? "" : `since ${time(unit.since)}`);
  const reasons = reasonsOf(unit);
  lines(card.why, reasons.length ? reasons.map(sentence) : ["No measure exceeds its limit."]);
  put(card.relief, unit.relief_says ?? "");
  drawTrend(card, unit, most);
  drawFacts(card, unit);
  drawOld(card, unit);
  drawTaken(card, unit);
}

/** Who has the unit's page; nothing is claimed while Alertmanager does not answer. */
function drawTaken(card, { taken, state }) {
  const unknown = last.takings === "unknown" && state === "overloaded";
  put(card.taken, taken ? `Page: ${taken.says}.` : unknown ? "Page: it is not known who has it, because Alertmanager does not answer." : "");
  show(card.taken, Boolean(taken) || unknown);
}

function drawTrend(card, unit, most) {
  const rate = perHead(unit), values = rolling(unit.trend.minutes), now = values.at(-1);
  put(card.rate, rate === null ? number(now) : rate.toFixed(1));
  put(card["rate-is"], rate === null ? "alarms in 10 min, no one on duty" : "alarms per clinician in 10 min");
  const words = `${unit.unit}, alarms in 10 min over the last hour: ${values[0]} an hour ago, at most ${Math.max(...values)}, ${now} now`;
  trend(card.trend, values, most, MANAGEABLE * unit.staffing.clinicians, words);
}

function drawFacts(card, unit) {
  const windows = Object.keys(unit.alarms), longest = windows.at(-1), of = unit.nonactionable[longest];
  const listed = windows.length > 3 ? [windows[0], windows[1], longest] : windows;
  put(card.alarms, listed.map((window) => `${number(unit.alarms[window].all)} in ${spaced(window)}`).join(", "));
  const coverage = of.alarms ? ` (${Math.round((100 * of.classified) / of.alarms)} % classified)` : "";
  put(card.nonactionable, `${percent(of.clinical)} in ${spaced(longest)}${coverage}`);
  const { clinicians, beds, beds_per_clinician: each } = unit.staffing;
  put(card.staffing, clinicians ? `${clinicians} on duty, ${plural(beds, "bed")}, ${each.toFixed(1)} each` : "no one assigned: is the roster being sent?");
  const standing = unit.standing_alarms ? `, ${number(unit.standing_alarms)} for over 1 h` : "";
  put(card.open, `${plural(unit.open_alarms, "alarm")}${standing}`);
  const shown = unit.unassigned_alarms["1h"] === undefined ? longest : "1h";
  put(card.unassigned, `${plural(unit.unassigned_alarms[shown], "alarm")} in ${spaced(shown)}`);
  put(card.shift, shiftWords(unit.trend.shifts)?.brief ?? "no alarms known from before the last 12 h");
}

// -- clinicians of a unit, in the order of their pseudonyms

async function drawPeople(card) {
  try {
    const { clinicians, left_out: more } = await ask("clinicians", card.name);
    const here = clinicians.filter((one) => one.on_duty), windows = last.windows;
    const [first, second] = [windows[0], windows[1] ?? windows[0]], protectedIn = windows.includes("1h") ? "1h" : windows.at(-1);
    lines(card.columns, ["Pseudonym and state", "Beds", `Alarms ${spaced(first)}`, spaced(second), `Protected ${spaced(protectedIn)}`, "Hours on duty"], "th");
    for (const head of card.columns.children) head.scope = "col";
    const rows = new Map([...card.rows.children].map((row) => [row.dataset.who, row]));
    const wanted = here.map((one) => drawPerson(rows.get(one.clinician), one, [first, second, protectedIn]));
    if (wanted.some((row, index) => card.rows.children[index] !== row) || rows.size !== wanted.length) card.rows.replaceChildren(...wanted);
    show(card.region, here.length > 0);
    put(card.nobody, here.length ? `${plural(more, "more clinician")} not shown.` : "No one is assigned to a bed of this unit now.");
    show(card.nobody, !here.length || more > 0);
  } catch (error) {
    if (!error.status) throw error;
    put(card.nobody, sentence(error.message));
    show(card.nobody, true);
    show(card.region, false);
  }
}

function drawPerson(row, one, [first, second, protectedIn]) {
  if (!row) {
    row = element("tr");
    row.dataset.who = one.clinician;
    const head = Object.assign(element("th"), { scope: "row" });
    head.append(element("code", one.clinician), " ", element("span"), element("span"), element("p"));
    row.append(head, ...Array.from({ length: 5 }, () => element("td")));
  }
  const [head, ...cells] = row.children, [, shape, word, reason] = head.children;
  mark(shape, one.state);
  put(word, ` ${one.state}`);
  put(reason, why(one).join(", "));
  const kept = one.protected_ratio[protectedIn], hour = one.shift_hours;
  const texts = [number(one.beds), number(one.alarms[first]), number(one.alarms[second]), kept === null ? "–" : percent(kept), hour === null ? "–" : hour.toFixed(1)];
  texts.forEach((text, index) => put(cells[index], text));
  return row;
}

function drawFindings(key, card) {
  const found = findings.units?.get(key)?.findings ?? [];
  lines(card.fixes, found.map((one) => sentence(one.says.replaceAll("->", "→"))));
  put(card.nothing, "There are no alarms.");
  show(card.nothing, !found.length);
}

const offerUnits = workbench(byId("workbench"), ask, explain);
byId("facility").addEventListener("change", ({ target }) => {
  history.replaceState(null, "", target.value ? `?${new URLSearchParams({ facility: target.value })}` : location.pathname);
  update();
});
setInterval(showAge, 1000);
follow();
