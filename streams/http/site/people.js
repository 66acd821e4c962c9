// People: the clinicians on duty in a unit, in the order of their pseudonyms. Nobody is asked about
// before somebody opens the section.

import { element, lines, mark, put, show } from "./draw.js";
import { number, percent, plural, spaced, why } from "./words.js";

/** Draws an answer of /api/v1/clinicians into the parts `at`. */
export function drawPeople(at, { clinicians, left_out: more, facility, at: now }, windows) {
  const here = clinicians.filter((one) => one.on_duty);
  const [first, second] = [windows[0], windows[1] ?? windows[0]];
  const kept = windows.includes("1h") ? "1h" : windows.at(-1);
  const names = [
    "Pseudonym", "State", "Beds", `Alarms ${spaced(first)}`, `Alarms ${spaced(second)}`,
    `Protected ${spaced(kept)}`, "Hours on duty",
  ];
  lines(at.columns, names, "th");
  for (const head of at.columns.children) {
    head.scope = "col";
    head.role = "columnheader";
  }
  const rows = new Map([...at.rows.children].map((row) => [row.dataset.who, row]));
  const wanted = here.map((one) => {
    const row = rows.get(one.clinician) ?? newRow(one.clinician, names);
    drawPerson(row, one, [first, second, kept], now, facility);
    return row;
  });
  const same = wanted.length === rows.size && wanted.every((row, index) => at.rows.children[index] === row);
  if (!same) at.rows.replaceChildren(...wanted);
  show(at.folk, here.length > 0);
  put(at.nobody, here.length ? `${plural(more, "more clinician")} not shown.` : "No one is assigned to a bed of this unit now.");
  show(at.nobody, !here.length || more > 0);
}

export function drawNobody(at, text) {
  put(at.nobody, text);
  show(at.nobody, true);
  show(at.folk, false);
}

function newRow(who, names) {
  const row = element("tr");
  row.role = "row";
  row.dataset.who = who;
  const head = Object.assign(element("th"), { scope: "row", role: "rowheader" });
  head.append(element("code", who));
  const cells = names.slice(1).map((name) => {
    const cell = Object.assign(element("td"), { role: "cell" });
    cell.dataset.label = name;
    return cell;
  });
  const [state] = cells;
  state.className = "load";
  state.append(element("span"), element("span"), element("p"));
  row.append(head, ...cells);
  return row;
}

function drawPerson(row, one, [first, second, kept], now, facility) {
  const [, state, ...cells] = row.children, [shape, word, reason] = state.children;
  mark(shape, one.state);
  put(word, ` ${one.state}`);
  const told = one.says ?? why(one, now, facility).join(", ");
  put(reason, one.state === "normal" ? "" : told);
  const share = one.protected_ratio[kept], hours = one.shift_hours;
  const texts = [
    number(one.beds), number(one.alarms[first]), number(one.alarms[second]),
    share === null ? "–" : percent(share), hours === null ? "–" : hours.toFixed(1),
  ];
  texts.forEach((text, index) => put(cells[index], text));
}
