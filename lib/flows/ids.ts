import { hash } from 'node:crypto';

/** Ids of flows. They are derived from what they name, so that a replay gives the same ones. */

/** The id that was derived last: that of a message is needed several times in a row, and takes most of a microsecond. */
const last = { subject: '', id: '' };

function half(subject: string): string {
  if (subject !== last.subject) {
    last.subject = subject;
    last.id = hash('sha256', subject, 'hex').slice(0, 32);
  }
  return last.id;
}

/** @param event the event id, or {@link instantId}; `k` counts the earlier runs of the flow by this event */
export const runId = (flow: string, event: string, k: number): string => half(`${flow}:${event}:${k}`);

/** What stands for the event id of a run that an `in_next` trigger started. */
export const instantId = (cart: string, instantMs: number): string => `${cart}@${instantMs}`;

export const requestId = (run: string, node: string): string => half(`${run}:${node}`);

/** @param count how many questions the run has asked before */
export const questionId = (run: string, count: number): string => half(`${run}?${count}`);

/** A number from 0 to 99 that decides a split by percent. */
export const percentile = (flow: string, run: string, node: string): number =>
  parseInt(hash('sha256', `${flow}:${run}:${node}`, 'hex').slice(0, 8), 16) % 100;
