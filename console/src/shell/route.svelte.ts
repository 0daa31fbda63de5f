// Which page is shown. Pages are paths of their own, so that they can be linked to, opened in a tab and gone back from.

export type Page =
  | { name: "graph" }
  | { name: "relation"; relation: string }
  | { name: "profile"; relation: string }
  | { name: "worksheet" }
  | { name: "activity" }
  | { name: "runs" }
  | { name: "quality" }
  | { name: "alerts" }
  | { name: "dashboards" }
  | { name: "dashboard"; dashboard: string }
  | { name: "unknown" };

class Route {
  path = $state(location.pathname);
  search = $state(location.search);

  page: Page = $derived(pageOf(this.path));

  start(): void {
    window.addEventListener("popstate", () => this.read());
    document.addEventListener("click", (event) => {
      if (event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const link = (event.target as Element | null)?.closest?.("a");
      if (!link || link.target !== "" || link.origin !== location.origin || link.hasAttribute("download")) return;
      if (link.getAttribute("href")?.startsWith("#")) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
    });
  }

  go(href: string): void {
    if (href !== location.pathname + location.search) history.pushState(null, "", href);
    this.read();
    document.querySelector("main")?.scrollTo(0, 0);
  }

  /** Another address for the same page, which going back skips. */
  replace(href: string): void {
    history.replaceState(null, "", href);
    this.read();
  }

  private read(): void {
    this.path = location.pathname;
    this.search = location.search;
  }
}

function pageOf(path: string): Page {
  if (path === "/") return { name: "graph" };
  if (path === "/worksheet") return { name: "worksheet" };
  if (path === "/activity") return { name: "activity" };
  if (path === "/runs") return { name: "runs" };
  if (path === "/quality") return { name: "quality" };
  if (path === "/alerts") return { name: "alerts" };
  if (path === "/dashboards") return { name: "dashboards" };
  const [, kind, encoded, part] = /^\/(relations|dashboards)\/([^/]+)(\/profile)?$/.exec(path) ?? [];
  if (encoded === undefined || (kind === "dashboards" && part !== undefined)) return { name: "unknown" };
  try {
    const name = decodeURIComponent(encoded);
    if (kind === "dashboards") return { name: "dashboard", dashboard: name };
    return { name: part === undefined ? "relation" : "profile", relation: name };
  } catch {
    return { name: "unknown" };
  }
}

export function dashboardPath(name: string): string {
  return `/dashboards/${encodeURIComponent(name)}`;
}

export function relationPath(name: string): string {
  return `/relations/${encodeURIComponent(name)}`;
}

export function profilePath(name: string): string {
  return `${relationPath(name)}/profile`;
}

export function worksheetPath(sql: string): string {
  return `/worksheet?sql=${encodeURIComponent(sql)}`;
}

export const route = new Route();
