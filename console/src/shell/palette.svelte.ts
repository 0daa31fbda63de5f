// The command palette's state, and what it offers.

import { node } from "../node/node.svelte.ts";
import { objectPath, route } from "./route.svelte.ts";
import { theme } from "./theme.svelte.ts";

export interface Command {
  title: string;
  /** A relation's kind, or what sort of command it is. */
  kind: string;
  run: () => void;
}

class Palette {
  isOpen = $state(false);

  open(): void {
    this.isOpen = true;
  }

  close(): void {
    this.isOpen = false;
  }
}

export const palette = new Palette();

function commands(): Command[] {
  // A chart has no page of its own.
  const named = node.data.relations.filter(({ kind }) => kind !== "chart");
  const relations = named.map(({ name, kind }) => ({
    title: name,
    kind,
    run: () => route.go(objectPath(name, kind)),
  }));
  const go = (title: string, path: string): Command => ({ title, kind: "page", run: () => route.go(path) });
  const choose = (choice: "light" | "dark" | "system"): Command => ({
    title: choice === "system" ? "Theme: as the system" : `Theme: ${choice}`,
    kind: "setting",
    run: () => theme.set(choice),
  });
  return [
    ...relations,
    go("Graph", "/"),
    go("Dashboards", "/dashboards"),
    go("Worksheet", "/worksheet"),
    go("Runs", "/runs"),
    go("Quality", "/quality"),
    go("Alerts", "/alerts"),
    go("Features", "/features"),
    go("Models", "/models"),
    go("Experiments", "/experiments"),
    go("Activity", "/activity"),
    choose("light"),
    choose("dark"),
    choose("system"),
  ];
}

/** Commands whose title has the letters in their order, the closest first: at the start, together, early. */
export function matching(text: string): Command[] {
  const wanted = text.toLowerCase().replaceAll(/\s+/g, "");
  const scored = commands().map((command) => ({ command, score: score(command.title.toLowerCase(), wanted) }));
  return scored
    .filter(({ score }) => score >= 0)
    .sort((a, b) => a.score - b.score || a.command.title.length - b.command.title.length)
    .map(({ command }) => command);
}

function score(title: string, wanted: string): number {
  if (wanted === "") return 0;
  const whole = title.indexOf(wanted);
  if (whole >= 0) return whole === 0 ? 0 : 1 + whole / 100;
  let at = -1;
  let gaps = 0;
  for (const letter of wanted) {
    const next = title.indexOf(letter, at + 1);
    if (next < 0) return -1;
    gaps += next - at - 1;
    at = next;
  }
  return 10 + gaps;
}
