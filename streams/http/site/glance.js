// Glance: the questions above the list, and whether the numbers are current. Nobody is named.

import { lines, parts, put, sentence, show } from "./draw.js";
import {
  compared, number, perHead, reasonsOf, spaced, strained, sum, time,
} from "./words.js";

const byId = (id) => document.getElementById(id);
const QUESTIONS = ["worst", "relief", "fix", "current", "before"];
const answers = Object.fromEntries(QUESTIONS.map((id) => [id, parts(byId(id))]));

export function answer(which, head, body) {
  put(answers[which].head, head);
  put(answers[which].body, body);
}

/** `nameOf` names a unit. */
export function drawAnswers(found, nameOf) {
  const { units } = found, [worst] = units;
  if (noneYet(found)) return ["worst", "relief", "before"].forEach(unknown);
  drawWorst(worst, found.at, nameOf);
  drawRelief(units, nameOf);
  drawShifts(units);
}

/** Whether there are no figures because not all was read yet: that says nothing about the units. */
const noneYet = ({ units, currency }) => currency.state === "behind" && !units.length;
const unknown = (which) => answer(which, "Not known yet", "The figures are not complete.");

/** Which unit can help itself; who and which bed, only the unit's own address says. */
function drawRelief(units, nameOf) {
  const helped = units.find((unit) => unit.relief_possible);
  const alone = units.find((unit) => unit.relief_possible === false);
  const first = alone && `${nameOf(alone)}: ${alone.relief_says}`;
  if (!helped && !alone) return answer("relief", "No need", "No load exceeds its limit.");
  if (!helped) return answer("relief", "No", first);
  const { from, to } = helped.relief ?? {};
  const gain = from
    ? `One bed could move: the busier of the two then has ${Math.max(from.alarms_1h_after, to.alarms_1h_after)} alarms per hour, not ${Math.max(from.alarms_1h, to.alarms_1h)}.`
    : "One bed could move to a colleague.";
  const before = alone && units.indexOf(alone) < units.indexOf(helped) ? `${first} ` : "";
  return answer("relief", `Yes, in ${nameOf(helped)}`, before + gain);
}

function drawWorst(worst, now, nameOf) {
  if (!worst) return answer("worst", "No one yet", "No unit has had an alarm or a clinician on duty.");
  if (strained(worst)) {
    const reasons = reasonsOf(worst, now).slice(0, 2).map(sentence).join(" ");
    return answer("worst", `${nameOf(worst)}: ${worstState(worst)}`, reasons);
  }
  const rate = perHead(worst);
  const highest = rate === null ? "" : `, ${rate.toFixed(1)} alarms per clinician in 10 min`;
  return answer("worst", "No one", `No load exceeds its limit. Highest: ${nameOf(worst)}${highest}.`);
}

function worstState({ state, staffing: { states, clinicians } }) {
  if (state !== "normal") return state;
  const { overloaded, elevated } = states;
  const [count, word] = overloaded ? [overloaded, "overloaded"] : [elevated, "elevated"];
  return `${count} of ${clinicians} ${word}`;
}

const CURRENT = { current: "Yes", incomplete: "Incomplete", empty: "No data yet" };

/** Whether the numbers are reliable, and what is wrong with them; of one facility, if chosen. */
export function drawCurrency({ state, says, facilities, warnings }, chosen) {
  const ours = warnings.filter((one) => !chosen || one.facility === null || one.facility === chosen);
  const elsewhere = state === "incomplete" && !ours.length;
  const own = state === "incomplete" && chosen ? ours[0]?.says : says;
  const text = elsewhere ? "No data are known to be missing here." : sentence(own);
  const latest = facilities.reduce((one, other) => (other.watermark > one.watermark ? other : one), facilities[0]);
  const event = latest ? ` Last alarm event: ${time(latest.watermark, latest.facility, true)}.` : "";
  answer("current", elsewhere ? "Yes" : CURRENT[state] ?? "No", text + event);
  lines(byId("warnings"), ours.map((one) => sentence(one.says)));
  show(byId("warnings"), ours.length > 0);
}

/** Alarms per hour in this shift and the one before, over the hours of which all are known. */
function drawShifts(units) {
  const of = units.map((unit) => unit.trend.shifts).filter(({ before, last }) => before.hours && last.hours);
  if (!of.length) {
    const none = units[0]?.trend.shifts.says ?? "No alarms are known from before the last 12 h";
    return answer("before", "Not known yet", sentence(none));
  }
  const rate = (which) => sum(of.map((shifts) => shifts[which].alarms / shifts[which].hours));
  const was = rate("before"), is = rate("last"), { word, than } = compared(was, is);
  const [now, then] = of[0].says === undefined
    ? ["in the last 12\u00a0h", "in the 12\u00a0h before"]
    : ["in this shift", "in the same part of the shift before"];
  return answer("before", word, `${is.toFixed(1)} alarms per hour ${now}, ${was.toFixed(1)} ${then}${than}.`);
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

/** The finding with most alarms. `units` and `window`: of an answer of /api/v1/findings; `beside`: of
 * the list that was asked for with it. */
export function drawFix({ units, window, refused }, nameOf, beside) {
  if (refused) return answer("fix", "Not yet", sentence(refused));
  if (noneYet(beside)) return unknown("fix");
  const all = units.flatMap((unit) => unit.findings.map((one) => ({ unit, one })));
  const fixable = all.filter(({ one }) => REMEDIES[one.remedy]);
  fixable.sort((a, b) => b.one.load.count - a.one.load.count);
  if (!fixable.length) {
    const none = "No alarm type shows a pattern that a change would fix, or too few alarms are classified.";
    return answer("fix", "None yet", all.length ? none : "There are no alarms.");
  }
  const [{ unit, one }] = fixable;
  const share = `${number(one.load.count)} of ${number(one.load.of)} non-actionable or technical alarms in ${spaced(window)}`;
  const review = one.clinical_review ? ", after a clinical review" : "";
  const what = [one.device_type, one.source, one.code].join("/");
  const doubt = one.advice === "open" ? "Not advised yet, as too few alarms were needed to show what it would hide" : "Change";
  const change = `${doubt}: ${REMEDIES[one.remedy](one)}${review}. Owner: ${one.owner}.`;
  return answer("fix", `${one.name} in ${nameOf(unit)}`, `${what}: ${share}. ${change}`);
}
