// Light or dark: as the system has it, until the user says otherwise.

export type Choice = "system" | "light" | "dark";

const KEY = "headwater.theme";
const CHOICES: Choice[] = ["system", "light", "dark"];

class Theme {
  choice = $state<Choice>(stored());

  apply(): void {
    if (this.choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
  }

  next(): void {
    this.set(CHOICES[(CHOICES.indexOf(this.choice) + 1) % CHOICES.length] ?? "system");
  }

  set(choice: Choice): void {
    this.choice = choice;
    remember(KEY, choice);
    this.apply();
  }
}

function stored(): Choice {
  const value = recall(KEY);
  return CHOICES.find((choice) => choice === value) ?? "system";
}

/** Reads from the browser's storage, which it may refuse. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Writes to the browser's storage, if it has one and there is room: nothing depends on it. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows and full storages: what was remembered is gone with the page.
  }
}

export const theme = new Theme();
