import type { PillTone } from './flow-words.ts';

/** A word or two in a coloured ground: a state, an outcome. */
export function Pill({ label, tone, title }: { label: string; tone?: PillTone; title?: string }) {
  return (
    <span className="pill" data-tone={tone} title={title}>
      {label}
    </span>
  );
}
