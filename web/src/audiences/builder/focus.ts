/** The focus after something in the builder moved or disappeared: it must not fall back to the top of the page. */

const find = (id: string): HTMLElement | null => document.querySelector(`[data-rule-id="${CSS.escape(id)}"]`);

const FOCUSABLE = 'select, input, button';

/** Runs when the change is on the page. */
const soon = (run: () => void): void => void window.requestAnimationFrame(() => window.requestAnimationFrame(run));

export const keepFocus = {
  /** Moves the focus to the first control of the last condition within an element: the one that was added. */
  onLastIn(element: Element | null): void {
    soon(() =>
      [...(element?.querySelectorAll<HTMLElement>('[data-rule-id]') ?? [])]
        .at(-1)
        ?.querySelector<HTMLElement>(FOCUSABLE)
        ?.focus(),
    );
  },
  /** Keeps the focus on what has it within this condition, or moves it to its first control. */
  on(id: string): void {
    const held = document.activeElement;
    soon(() => {
      const row = find(id);
      if (!row) return;
      if (held instanceof HTMLElement && row.contains(held)) held.focus();
      else row.querySelector<HTMLElement>(FOCUSABLE)?.focus();
      row.scrollIntoView({ block: 'nearest' });
    });
  },
  /** Moves the focus to the next condition, else the one before, else to what adds one. */
  afterRemoval(id: string): void {
    const rows = [...document.querySelectorAll<HTMLElement>('[data-rule-id]')];
    const index = rows.findIndex((row) => row.dataset['ruleId'] === id);
    const next = (rows[index + 1] ?? rows[index - 1])?.dataset['ruleId'];
    soon(() => {
      const target = (next === undefined ? null : find(next)) ?? document.querySelector<HTMLElement>('.group-adds');
      target?.querySelector<HTMLElement>(FOCUSABLE)?.focus();
    });
  },
};

/** Where a condition is among all, for screen readers: `, before it was 2 of 5`. */
export function nameOfPlace(id: string): string {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-rule-id]')];
  const index = rows.findIndex((row) => row.dataset['ruleId'] === id);
  return index < 0 ? '' : `; it was ${index + 1} of ${rows.length}`;
}
