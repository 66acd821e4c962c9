// The workbench: tries another limit or delay for one alarm type of a unit. The worker computes the answer; this shows it.

import { bars, element, lines, parts, put, sentence, show } from "./draw.js";

const PAUSE = 150; // ms without a change before the worker is asked
const UNMOVED = "unchanged";

/** Limits from the present one, which means no change, to the furthest reading, in round steps. */
export function limitsWithin({ present, furthest }) {
  const span = Math.abs(furthest - present), way = Math.sign(furthest - present);
  const grain = span >= 10 ? 1 : span >= 1 ? 0.1 : span / 10;
  const steps = Math.ceil(Number((span / grain).toPrecision(9)));
  return Array.from({ length: steps + 1 }, (_, step) => (step < steps ? Number((present + way * step * grain).toPrecision(12)) : furthest));
}

const joined = ({ code, source, device_type: device }) => `${device}/${source}/${code}`;
const nameOf = (type) => `${type.name} (${joined(type)})`;
const range = ({ least, most }) => (least === most ? `${least}` : `${least} to ${most}`);

function aboutType(one, hours) {
  const { low, high } = one.limits;
  const limits = [low && `below ${range(low)}`, high && `above ${range(high)}`].filter(Boolean).join(" and ");
  return [
    `${one.alarms} finished alarms in ${hours}\u00a0h.`,
    limits && `They sounded ${limits}, with readings of ${range(one.readings)}.`,
    !one.room && (limits ? "They have a low and a high limit, so another limit cannot be tried here." : "They have no alarm limit."),
    one.high_priority > 0 && `${one.high_priority} of high priority: a clinical review is required before any change.`,
  ].filter(Boolean).join(" ");
}

/** What the address asks for: ?facility=F&unit=U&type=DEVICE/SOURCE/CODE#whatif, as boards link. */
function linked() {
  const given = new URLSearchParams(location.search);
  return location.hash === "#whatif" && given.get("type") ? Object.fromEntries(given) : null;
}

/** Runs in `root`, a closed details element. `ask` queries the worker, `explain` puts errors into words. Returns a function to pass the known units to. */
export function workbench(root, ask, explain) {
  const at = parts(root);
  let units = [], types = [], limits = [], hours = 0, asked = 0, timer = 0, wanted = linked();
  const unit = () => units[at.unit.selectedIndex];
  const type = () => types[at.type.selectedIndex];
  const delay = () => Number(at.delay.value);
  const limit = () => (Number(at.limit.value) ? limits[at.limit.value] : null);

  /** Shows only the answer to the last question. */
  async function latest(path, parameters, write) {
    clearTimeout(timer);
    const turn = ++asked;
    try {
      const found = await ask(path, parameters);
      if (turn === asked) write(found);
    } catch (error) {
      if (turn === asked) drawProblem(explain(error));
    }
  }

  function offer(select, texts, index) {
    select.replaceChildren(...texts.map((text) => element("option", text)));
    select.selectedIndex = Math.max(index, 0);
  }

  function drawProblem(text) {
    put(at.problem, text);
    show(at.problem, Boolean(text));
    show(at.answer, !text);
  }

  function drawNone(text) {
    put(at.about, "");
    show(at.levers, false);
    drawProblem(text);
  }

  function askTypes() {
    if (!root.open) return;
    if (!unit()) return drawNone("No unit has had an alarm yet.");
    const { facility, unit: name } = unit();
    latest("whatif/types", { facility, unit: name }, (found) => {
      const before = type() && joined(type().type), looked = wanted?.type ?? before;
      wanted = null;
      [types, hours] = [found.types, found.span.hours];
      offer(at.type, types.map((one) => `${nameOf(one.type)} (${one.alarms})`), types.findIndex((one) => joined(one.type) === looked));
      show(at.levers, true);
      if (types.length) drawType();
      else drawNone("No finished alarms of this unit are known.");
    });
  }

  function drawType() {
    put(at.about, aboutType(type(), hours));
    limits = type().room ? limitsWithin(type().room) : [];
    show(at.limits, limits.length > 0);
    Object.assign(at.limit, { max: Math.max(limits.length - 1, 0), value: 0 });
    at.delay.value = 0;
    drawLevers();
    askWhatIf();
  }

  function drawLevers() {
    const seconds = delay() ? `${delay()}\u00a0s` : UNMOVED, other = limit() === null ? UNMOVED : `${limit()}`;
    put(at.seconds, seconds);
    put(at.level, other);
    at.delay.ariaValueText = seconds;
    at.limit.ariaValueText = other;
  }

  function askWhatIf() {
    if (!type()) return;
    const { facility, unit: name } = unit();
    const moved = { delay: delay() ? String(delay()) : "", limit: limit() === null ? "" : String(limit()) };
    latest("whatif", { facility, unit: name, type: joined(type().type), ...moved }, drawAnswer);
  }

  /** The harm first and as large as the benefit; the rest says how certain both are. */
  function drawAnswer({ before, after, lost, says, caveats }) {
    const [harm, gain, ...rest] = says.map((one) => sentence(one.replaceAll("->", "→")));
    drawProblem("");
    put(at.harm, harm);
    put(at.gain, gain);
    at.harm.dataset.promise = lost.upper === null ? "open" : lost.promise;
    bars(at.bars, before.alarms, after.alarms);
    put(at.before, `${before.alarms} alarms before`);
    put(at.after, `${after.alarms} after`);
    lines(at.says, rest);
    lines(at.caveats, caveats);
  }

  const moved = () => {
    drawLevers();
    clearTimeout(timer);
    timer = setTimeout(askWhatIf, PAUSE);
  };
  at.delay.addEventListener("input", moved);
  at.limit.addEventListener("input", moved);
  at.type.addEventListener("change", drawType);
  at.unit.addEventListener("change", askTypes);
  root.addEventListener("toggle", askTypes);

  return (known, several) => {
    const named = known.map(({ facility, unit: name }) => ({ facility, unit: name, text: several ? `${name} (${facility})` : name }));
    named.sort((one, other) => (one.text < other.text ? -1 : 1));
    if (JSON.stringify(named) === JSON.stringify(units)) return;
    const before = unit() ?? wanted;
    units = named;
    const index = units.findIndex((one) => before && one.facility === before.facility && one.unit === before.unit);
    offer(at.unit, units.map((one) => one.text), index);
    if (wanted && index >= 0 && !root.open) {
      root.open = true; // asks for the types
      root.scrollIntoView();
    } else if (index < 0) askTypes();
  };
}
