// Asking: requests to the worker, and their failures in words.

const PATIENCE_SECONDS = 15; // how long to wait for an answer
const KEPT = 16; // answers that are kept, in this page's memory alone
const kept = new Map(); // by address, the last answer and its tag

export { PATIENCE_SECONDS };

export async function ask(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  const address = `api/v1/${path}?${new URLSearchParams(given)}`, before = kept.get(address);
  const answer = await fetch(address, {
    signal: AbortSignal.timeout(1000 * PATIENCE_SECONDS),
    cache: "no-store", // answers name clinicians by pseudonym
    headers: before ? { "If-None-Match": before.tag } : {},
  });
  if (answer.status === 304 && before) return JSON.parse(before.text);
  const text = await answer.text();
  if (answer.ok) keep(address, answer.headers.get("ETag"), text);
  const content = parsed(text);
  if (answer.ok) return content;
  const error = new Error(content.error ?? `status ${answer.status}`);
  throw Object.assign(error, { status: answer.status });
}

function keep(address, tag, text) {
  kept.delete(address);
  if (tag) kept.set(address, { tag, text });
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

export function explain(error) {
  if (error.status === 401) return "The worker requires a token: reload this page.";
  if (error.status === 403) return `Access denied: ${error.message}.`;
  if (error.status === 429) return "Too many invalid tokens came from your address: wait a minute.";
  if (error.status === 503) return `The worker cannot answer yet: ${error.message}.`;
  if (error.status) return `The worker could not answer: ${error.message}.`;
  return "The worker cannot be reached.";
}
