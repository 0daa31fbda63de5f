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
  | { name: "features" }
  | { name: "feature view"; view: string }
  | { name: "models" }
  | { name: "model"; model: string }
  | { name: "experiments" }
  | { name: "experiment"; experiment: string }
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

const PLAIN = ["worksheet", "activity", "runs", "quality", "alerts", "dashboards", "features", "models", "experiments"] as const;

function pageOf(path: string): Page {
  if (path === "/") return { name: "graph" };
  const plain = PLAIN.find((name) => path === `/${name}`);
  if (plain !== undefined) return { name: plain };
  const [, folder, encoded, part] = /^\/(\w+)\/([^/]+)(\/profile)?$/.exec(path) ?? [];
  if (encoded === undefined || (part !== undefined && folder !== "relations")) return { name: "unknown" };
  try {
    return named(folder ?? "", decodeURIComponent(encoded), part !== undefined);
  } catch {
    return { name: "unknown" };
  }
}

function named(folder: string, name: string, isProfile: boolean): Page {
  if (folder === "relations") return { name: isProfile ? "profile" : "relation", relation: name };
  if (folder === "dashboards") return { name: "dashboard", dashboard: name };
  if (folder === "features") return { name: "feature view", view: name };
  if (folder === "models") return { name: "model", model: name };
  if (folder === "experiments") return { name: "experiment", experiment: name };
  return { name: "unknown" };
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

export function featurePath(name: string): string {
  return `/features/${encodeURIComponent(name)}`;
}

export function modelPath(name: string): string {
  return `/models/${encodeURIComponent(name)}`;
}

export function experimentPath(name: string): string {
  return `/experiments/${encodeURIComponent(name)}`;
}

/** The page that says most of an object of a kind. */
export function objectPath(name: string, kind: string): string {
  if (kind === "dashboard") return dashboardPath(name);
  if (kind === "feature view") return featurePath(name);
  if (kind === "model") return modelPath(name);
  return kind === "experiment" ? experimentPath(name) : relationPath(name);
}

export function runPath(run: string | number): string {
  return `/runs?run=${encodeURIComponent(String(run))}`;
}

export function worksheetPath(sql: string): string {
  return `/worksheet?sql=${encodeURIComponent(sql)}`;
}

export const route = new Route();
