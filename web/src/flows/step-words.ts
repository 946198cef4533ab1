/** The steps of a run in plain English. */
import type { FlowStep } from '../data/api.ts';
import { exitWords, skipWords, type PillTone } from '../design/flow-words.ts';
import { capitalised, money } from '../design/words.ts';

export interface StepWords {
  title: string;
  /** Why, as a sentence; null where there is nothing to add. */
  detail: string | null;
  tone: PillTone;
}

type Shown = Pick<FlowStep, 'what' | 'reason' | 'amount'>;

const TITLES: Readonly<Record<string, string>> = {
  started: 'The run started',
  reached: 'Reached',
  asked: 'Asked ClickHouse',
  answered: 'Answer',
  held: 'Held back',
  requested: 'Message requested',
  sent: 'Message sent',
  skipped: 'Message not sent',
  failed: 'Message failed',
  unknown: 'Message may have been sent',
  woken: 'Continued',
  repointed: 'Another event became its trigger',
  moved: 'Moved to another version',
  exited: 'Ended early',
  completed: 'Completed',
  goal: 'Goal reached',
};

const TONES: Readonly<Record<string, PillTone>> = {
  sent: 'done',
  completed: 'done',
  goal: 'done',
  held: 'left',
  skipped: 'left',
  unknown: 'left',
  exited: 'left',
  failed: 'off',
};

export function stepWords({ what, reason, amount }: Shown): StepWords {
  const title = TITLES[what] ?? capitalised(what);
  const tone = TONES[what];
  if (what === 'goal' && reason === 'retracted')
    return { title: 'Goal no longer counts', detail: 'Its event was retracted.', tone: 'left' };
  return { title, detail: detailOf({ what, reason, amount }), tone };
}

function detailOf({ what, reason, amount }: Shown): string | null {
  if (what === 'goal') return amount === null ? null : `Worth ${money(amount)}.`;
  if (what === 'unknown') return 'The connection broke, or the process ended, while the message was handed over.';
  if (reason === null) return null;
  if (what === 'exited') return exitWords(reason);
  if (what === 'skipped' || what === 'failed') return skipWords(reason);
  return `${capitalised(reason.replaceAll('_', ' '))}.`;
}
