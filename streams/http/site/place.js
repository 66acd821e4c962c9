// Place: which part of the page is shown, and which units. All of it is in the address, so that a
// bookmark, a reload or a colleague's browser shows the same.

const VIEWS = { unit: "unit", help: "help" };

/** What the address asks for. */
export function place() {
  const last = location.pathname.split("/").at(-1);
  const given = new URLSearchParams(location.search);
  const of = (name) => given.get(name) ?? "";
  return {
    view: VIEWS[last] ?? "list",
    facility: of("facility"),
    unit: of("unit"),
    search: of("search"),
    state: of("state"),
    sort: of("sort"),
  };
}

const address = (path, parameters) => {
  const query = String(new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)));
  return query ? `${path}?${query}` : path || "./";
};

export const unitAddress = ({ facility, unit }) => address("unit", { facility, unit });

/** The address of the list, relative to every view. */
export const listAddress = ({ facility, search, state, sort }) =>
  address("./", { facility, search, state, sort });

/** Writes the list's choices into the address, in place of those before. */
export function keep(choices) {
  history.replaceState(history.state, "", listAddress(choices));
}

/** Follows links marked `data-route` without a reload. `arrive` is told how: "link" or "back". */
export function follow(arrive) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-route]");
    const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.defaultPrevented) return;
    event.preventDefault();
    if (link.href !== location.href) history.pushState(null, "", link.href);
    arrive("link");
  });
  addEventListener("popstate", () => arrive("back"));
}
