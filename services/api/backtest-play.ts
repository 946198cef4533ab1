import { UnknownZoneError } from '../../lib/time/index.ts';
import { audiencesOf, BacktestEngine, looksAtProducts, type BacktestOptions } from './backtest-engine.ts';
import { ahead, answersOf, readGroup, type Group, type PastOptions, type PastRange } from './backtest-past.ts';
import { Summary, type PartOfReport } from './backtest-report.ts';
import { rowsOf, type Rows } from './database.ts';

/** What a thread of a back-test does: it asks for groups of people and for what is known about them, and plays them. */

export interface BacktestRequest extends Omit<BacktestOptions, 'answer' | 'onSteps' | 'pause'>, PastRange {
  /** People who are played together; for tests. */
  groupPeople?: number;
}

/** Answered with the ids of the next group, with null when there is none, or with the text of the rows. */
export type Question = { ask: 'group' } | { ask: 'rows'; query: string; params: Record<string, unknown> };

export type ToThread = { request: BacktestRequest } | { id: number; answer: unknown };
export type FromThread = ({ id: number } & Question) | { part: PartOfReport } | { failed: Failure };

/** An error without its class, which a message does not keep. */
export interface Failure {
  message: string;
  stack: string | undefined;
  /** That of an UnknownZoneError. */
  zone: string | undefined;
}

export interface PlayPort {
  postMessage(message: FromThread): void;
  on(event: 'message', listener: (message: ToThread) => void): unknown;
}

/** Plays as soon as the request comes, and posts a part of the report or why there is none. */
export function playOn(port: PlayPort): void {
  const open = new Map<number, (answer: unknown) => void>();
  let asked = 0;
  const ask = <T>(question: Question): Promise<T> =>
    new Promise((resolve) => {
      const id = asked++;
      open.set(id, resolve as (answer: unknown) => void);
      port.postMessage({ id, ...question });
    });
  port.on('message', (message) => {
    if ('request' in message) {
      playGroups(message.request, ask).then(
        (part) => port.postMessage({ part }),
        (error: unknown) => port.postMessage({ failed: failureOf(error) }),
      );
      return;
    }
    open.get(message.id)?.(message.answer);
    open.delete(message.id);
  });
}

async function playGroups(request: BacktestRequest, ask: <T>(question: Question) => Promise<T>): Promise<PartOfReport> {
  const { flow, settings } = request;
  const summary = new Summary(flow, settings.time_zone);
  const rows: Rows = { rows: async (query, params = {}) => rowsOf(await ask<string>({ ask: 'rows', query, params })) };
  const options: PastOptions = {
    range: request,
    flow,
    audiences: audiencesOf(flow),
    withProducts: looksAtProducts(flow),
  };
  async function* groups(): AsyncGenerator<Group> {
    for (;;) {
      const ids = await ask<number[] | null>({ ask: 'group' });
      if (ids === null) return;
      yield await readGroup(rows, options, ids);
    }
  }
  for await (const { events, profiles, facts } of ahead(groups())) {
    const engine = new BacktestEngine({
      ...request,
      answer: answersOf(facts),
      onSteps: (steps) => summary.take(steps),
      // Lets what is read of the next group arrive.
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    });
    for (const profile of profiles) engine.addProfile(profile);
    for (const event of events) await engine.play(event);
    await engine.end();
    summary.endGroup();
  }
  return summary.part();
}

function failureOf(error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { message, stack, zone: error instanceof UnknownZoneError ? error.zone : undefined };
}

/** An error of its class again. */
export function errorOf({ message, stack, zone }: Failure): Error {
  return zone === undefined ? Object.assign(new Error(message), { stack }) : new UnknownZoneError(zone);
}
