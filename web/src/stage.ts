// One sound at a time: whoever begins to be heard silences whoever was.

let silence: (() => void) | null = null;

export function takeTheStage(hush: () => void): void {
  if (silence !== hush) silence?.();
  silence = hush;
}
