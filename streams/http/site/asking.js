// Asking: requests to the worker, and their failures in words.

const PATIENCE_SECONDS = 15; // how long to wait for an answer

export { PATIENCE_SECONDS };

export async function ask(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  const answer = await fetch(`api/v1/${path}?${new URLSearchParams(given)}`, {
    signal: AbortSignal.timeout(1000 * PATIENCE_SECONDS),
    cache: "no-cache",
  });
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  const error = new Error(content.error ?? `status ${answer.status}`);
  throw Object.assign(error, { status: answer.status });
}

export function explain(error) {
  if (error.status === 401) return "The worker requires a token: reload this page.";
  if (error.status === 503) return `The worker is starting: ${error.message}.`;
  if (error.status) return `The worker could not answer: ${error.message}.`;
  return "The worker cannot be reached.";
}
