import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaseEvent } from '../../lib/audiences/testing/questions.ts';
import cases from '../semantics-cases.json' with { type: 'json' };
import { createWorkspace, postLines, waitFresh, type Workspace } from '../harness/client.ts';
import { openAcme, type AcmeWorld, type Page } from './api-world.ts';

/** The questions of the cases through the whole pipeline: previews of carts in their current state, and explanations. */

const MINUTE = 60_000;

let api: AcmeWorld;
let acme: Workspace;
/** Minute 0 of the cases. A little later than the questions: what is due at minute 0 is still open. */
let epochMs: number;

beforeAll(async () => {
  api = await openAcme();
  const { window_minutes, carts } = cases.questions;
  acme = await createWorkspace(api.installation, { abandonment_window_minutes: window_minutes, grace_seconds: 0 });
  epochMs = Date.now() + 4 * MINUTE;
  const at = (minutes: number): string => new Date(epochMs + minutes * MINUTE).toISOString();
  const lines = Object.entries(carts as Record<string, CaseEvent[]>).flatMap(([name, events]) =>
    events.map(({ type, t, status, mode, empty, store, reservation }) => ({
      type,
      occurred_at: at(t),
      cart: {
        id: name,
        customer_email_address: `${name}@example.com`,
        ...(status === undefined ? {} : { status }),
        ...(mode === undefined ? {} : { reservation_mode: mode }),
        ...(empty === true ? { products: [] } : {}),
        ...(store === undefined ? {} : { store_id: store }),
        ...(reservation === undefined
          ? {}
          : { reservation_start_window: reservation === null ? null : at(reservation) }),
      },
    })),
  );
  await postLines(api.installation, acme, 'events', lines);
  await waitFresh(api.installation, acme);
});
afterAll(() => api.close());

interface Explanation {
  matches: boolean;
  person_id: string;
  in_universe: boolean;
  node: {
    matches: boolean;
    count: number;
    events: { cart_id: string }[];
    near: { cart_id: string; fails: string[] }[];
  };
}

async function ask<T>(path: string, body: object): Promise<T> {
  const answer = await api.ask<T>('POST', `/v1/audiences/${path}`, { key: acme.keys.read, body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}

describe('questions about carts in their current state', () => {
  it.each(cases.questions.asks)('$audience at $at', async (question) => {
    const { audience, carts } = question;
    const at = 'at_ms' in question ? question.at_ms! : question.at! * MINUTE;
    const now = new Date(epochMs + at).toISOString();
    const { sample } = await ask<{ sample: { email: string }[] }>('preview', { audience, now });
    expect(sample.map(({ email }) => email.split('@')[0]).sort()).toEqual([...carts].sort());
  });

  it('are explained for everybody as they are counted', async () => {
    const { audience } = cases.questions.asks.find(({ audience: { dwell } }) => dwell !== undefined)!;
    const now = new Date(epochMs).toISOString();
    const { sample } = await ask<{ sample: { person_id: string }[] }>('preview', { audience, now });
    const members = sample.map(({ person_id }) => person_id);
    const all = await ask<{ sample: { person_id: string; email: string }[] }>('preview', {
      audience: { everyone: true },
      now,
    });
    expect(all.sample).toHaveLength(Object.keys(cases.questions.carts).length);
    for (const { person_id, email } of all.sample) {
      const explained = await ask<Explanation>('explain', { audience, person_id, now });
      const matches = members.includes(person_id);
      const shown = { cart_id: email.split('@')[0] };
      expect(explained).toMatchObject({ matches, person_id, in_universe: true, node: { matches, count: +matches } });
      expect(explained.node).toMatchObject(matches ? { events: [shown], near: [] } : { events: [], near: [shown] });
    }
  });
});

describe('POST /v1/audiences/explain', () => {
  const audience = { trait: 'cart_status_updated', status: ['verification'] };

  it('answers for the remaining person, also by the id of a merged one', async () => {
    const person = async (email: string): Promise<string> => {
      const path = `/v1/people?email=${encodeURIComponent(email)}`;
      const { body } = await api.ask<Page<{ person_id: string }>>('GET', path, { key: acme.keys.read });
      return body.items[0]!.person_id;
    };
    const before = [await person('drive@example.com'), await person('bought@example.com')];
    const occurred_at = new Date().toISOString();
    const links = before.map((_, i) => ({
      occurred_at,
      email: ['drive@example.com', 'bought@example.com'][i],
      user_id: 'both',
    }));
    await postLines(api.installation, acme, 'people', links);
    await waitFresh(api.installation, acme);
    const after = await person('drive@example.com');
    expect(await person('bought@example.com')).toBe(after);
    for (const person_id of before) {
      const explained = await ask<Explanation>('explain', { audience: { ...audience, at_least: 2 }, person_id });
      expect(explained).toMatchObject({ matches: true, person_id: after, node: { count: 2 } });
      expect(explained.node.events.map(({ cart_id }) => cart_id).sort()).toEqual(['bought', 'drive']);
    }
  });

  it('says what is wrong where', async () => {
    const path = '/v1/audiences/explain';
    const read = { key: acme.keys.read };
    const wrong = (body: object) => api.pathsOf(body, path, acme.keys.read);
    const dwell = { dwell: { status: ['preparing'], for: { amount: 45, unit: 'minutes' } } };
    expect(await wrong({ audience })).toEqual(['/person_id']);
    expect(await wrong({ audience, person_id: 1 })).toEqual(['/person_id']);
    expect(await wrong({ audience: { ...audience, x: 1 }, person_id: '1' })).toEqual(['/audience/x']);
    expect(await wrong({ audience: dwell, person_id: '1', known_at: '2026-01-01T00:00:00Z' })).toEqual(['/known_at']);
    expect(await wrong({ audience: dwell, person_id: '1', now: '2026-01-01T00:00:00Z' })).toEqual(['/now']);
    for (const person_id of ['0', '99999'])
      expect(await api.statusOf('POST', path, { ...read, body: { audience, person_id } })).toBe(404);
  });
});
