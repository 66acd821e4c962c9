// The page: asks the worker for what the address names and updates it in place. Focus, scroll
// position and open sections stay as they are.

import { ask, explain, PATIENCE_SECONDS } from "./asking.js";
import { put, show } from "./draw.js";
import { answer, drawAnswers, drawCurrency, drawFix } from "./glance.js";
import { drawList, flash, linkTo, listen } from "./list.js";
import { drawRules } from "./limits.js";
import { follow, listAddress, place } from "./place.js";
import { announce, drawFindings, drawProblem, drawUnit, renewPeople, renewWeek } from "./unit.js";
import { ago, keepTime, keyOf, plural, time } from "./words.js";
import { workbench } from "./workbench.js";

const FINDINGS_SECONDS = 30;
const byId = (id) => document.getElementById(id);
let last = null; // the last answer, with its arrival (ms, by this browser's clock)
const states = new Map(); // by unit, the state that was last shown
let findings = { at: -Infinity };
let list = { facility: "", search: "", state: "", sort: "" }; // the list's choices when last shown
let refresh = 5;
let trouble = "";
let turn = 0; // grows when another part of the page is shown
let awaited = true; // nothing was shown yet: a part that the address names is still to be reached
let mayTry = true; // whether the reader may ask what if
let known = false; // whether it was asked who reads
let gone = null; // the unit that was shown before

// -- what is shown

const several = () => last.currency.facilities.length > 1 && !place().facility;
const nameOf = (unit) => (several() ? `${unit.unit} (${unit.facility})` : unit.unit);

/** Shows the part of the page that the address names. `how`: "first", "link" or "back". */
function arrive(how) {
  const at = place();
  turn += 1;
  if (at.view === "list") list = at;
  document.body.dataset.view = at.view;
  show(byId("overview"), at.view === "list");
  show(byId("one"), at.view === "unit");
  show(byId("help"), at.view === "help");
  show(byId("whatif"), at.view !== "help" && mayTry);
  show(byId("currency"), at.view !== "help");
  const [to, word] = { list: ["units", "the units"], unit: ["one", "the unit"], help: ["help", "the help"] }[at.view];
  byId("skip").setAttribute("href", `#${to}`);
  put(byId("skip"), `Skip to ${word}`);
  for (const [id, view] of [["to-units", "list"], ["to-help", "help"]]) {
    byId(id).ariaCurrent = view === at.view ? "page" : null;
  }
  byId("to-units").setAttribute("href", listAddress(list));
  if (at.view === "unit") announce(at, listAddress(list));
  drawTitle(at, null);
  know();
  update();
  const link = at.view === "list" && gone ? linkTo(gone) : null;
  if (how !== "first") (link ?? byId(to)).focus({ preventScroll: true });
  if (how === "link") scrollTo(0, 0);
  if (at.view !== "help") gone = at.view === "unit" ? at : null;
}

function drawTitle({ view, unit }, found) {
  if (view === "help") document.title = "Help, alarm load";
  else if (view === "unit") {
    const state = found && found.unit.state !== "normal" ? `: ${found.unit.state}` : "";
    document.title = `${unit}${state}, alarm load`;
  } else if (found) {
    const count = found.units.filter((one) => one.state === "overloaded").length;
    document.title = count ? `${plural(count, "unit")} overloaded, alarm load` : "Alarm load";
  }
}

// -- requests

async function update() {
  const mine = turn, at = place();
  try {
    if (at.view === "list") await updateList(at, mine);
    else if (at.view === "unit") await updateUnit(at, mine);
    else drawRules(await ask("units", {}));
  } catch (error) {
    if (mine === turn) trouble = explain(error);
  }
  showAge();
}

function arrived(found) {
  last = Object.assign(found, { came: Date.now() });
  refresh = found.refresh_seconds;
  trouble = "";
  keepTime(found.currency);
}

async function updateList(at, mine) {
  const found = await ask("units", { facility: at.facility });
  if (mine !== turn || place().facility !== at.facility) return;
  arrived(found);
  drawHead(found.currency, at.facility);
  drawCurrency(found.currency, at.facility);
  drawAnswers(found, nameOf);
  drawTitle(at, found);
  drawList(found);
  offerUnits(found.units, several());
  reportChanges(found.units);
  const fixes = await recent(`list ${at.facility}`, { facility: at.facility, top: "3" });
  if (mine === turn) drawFix(fixes, nameOf, found);
}

async function updateUnit(at, mine) {
  const { facility, unit } = at;
  let found = null;
  try {
    found = await ask("unit", { facility, unit });
  } catch (error) {
    if (![400, 403, 404].includes(error.status) || mine !== turn) throw error;
    if (error.status === 403) drawProblem(`You may not read about ${unit}: your access is for other units.`);
    else drawProblem(`Nothing is known of ${unit || "a unit without a name"}: this worker does not hold it, or it has had no alarms. Look for it among all units.`);
    return;
  }
  if (mine !== turn) return;
  arrived(found);
  drawHead(found.currency, facility);
  drawCurrency(found.currency, facility);
  drawTitle(at, found);
  drawUnit(found);
  offerUnits([found.unit], false);
  reportChanges([found.unit]);
  renewWeek(); // not waited for: it may take long
  await renewPeople();
  const fixes = await recent(`unit ${keyOf(at)}`, { facility, unit, top: "3" });
  if (mine !== turn) return;
  drawFindings(fixes, at);
  if (awaited && location.hash === "#fixes") byId("fixes").scrollIntoView();
  awaited = false;
}

/** The findings `of` a part of the page, which are asked for less often. */
async function recent(of, parameters) {
  if (findings.of !== of || Date.now() - findings.at >= 1000 * FINDINGS_SECONDS) {
    let answer;
    try {
      answer = await ask("findings", parameters);
    } catch (error) {
      if (error.status !== 503) throw error;
      return { units: [], refused: error.message }; // the other numbers stand; it is asked again
    }
    findings = { of, at: Date.now(), answer };
  }
  return findings.answer;
}

async function followTime() {
  for (;;) {
    await new Promise((wake) => {
      const timer = setTimeout(wake, 1000 * refresh);
      const early = () => document.hidden || (clearTimeout(timer), wake());
      addEventListener("visibilitychange", early, { once: true });
    });
    if (!document.hidden && place().view !== "help") await update();
  }
}

// -- above everything

function drawHead({ clock, facilities }, chosen) {
  const shown = facilities.filter((one) => !chosen || one.facility === chosen);
  const names = facilities.map((one) => one.facility);
  const where = chosen || names.slice(0, 4).join(", ") + (names.length > 4 ? " …" : "");
  const recorded = clock === "event";
  const [zone, ...others] = new Set(shown.map((one) => one.time_zone ?? (recorded ? "UTC" : "")));
  const clocks = [recorded && "recorded time", !others.length && zone].filter(Boolean).join(", ");
  put(byId("place"), clocks ? `${where} (${clocks})` : where);
  const now = recorded ? Math.max(...facilities.map((one) => one.watermark)) : last.at;
  put(byId("now"), facilities.length ? time(now, chosen || names[0], true) : "");
}

function reportChanges(units) {
  const changed = units.filter((unit) => (states.get(keyOf(unit)) ?? unit.state) !== unit.state);
  for (const unit of units) states.set(keyOf(unit), unit.state);
  flash(changed);
  const news = changed.map((unit) => `${nameOf(unit)} is now ${unit.state}`);
  if (news.length) put(byId("news"), news.join(", "));
}

/** Shows the present problem, if any, and the age of the numbers. */
function showAge() {
  const seconds = last ? (Date.now() - last.came) / 1000 : 0;
  const silent = last && seconds > 3 * refresh + PATIENCE_SECONDS ? "The worker does not answer." : "";
  const asking = place().view !== "help";
  const problem = asking ? trouble || silent : "";
  const when = last && new Date(last.came).toLocaleTimeString("en", { hourCycle: "h23" });
  const since = problem && last ? ` The numbers below are from ${when}, ${ago(seconds)} ago.` : "";
  put(byId("trouble"), problem + since);
  show(byId("trouble"), Boolean(problem));
  put(byId("age"), asking && last ? `updated ${seconds < 1 ? "now" : `${ago(seconds)} ago`}` : "");
  const doubtful = last && !["current", "incomplete"].includes(last.currency.state);
  document.body.classList.toggle("old", asking && Boolean(problem || doubtful));
  if (problem) answer("current", last ? "No" : "Not yet", problem);
}

/** Hides what the reader may not ask. */
async function know() {
  if (known || place().view === "help") return;
  known = true;
  const reader = await ask("reader", {}).catch(() => null);
  mayTry = !reader || reader.try === null || reader.try.length > 0;
  show(byId("whatif"), mayTry && place().view !== "help");
}

const offerUnits = workbench(byId("workbench"), ask, explain);
listen(update);
follow(arrive);
arrive("first");
setInterval(showAge, 1000);
followTime();
