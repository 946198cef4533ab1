import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postLines, waitFresh } from '../harness/client.ts';
import { openAcme, type AcmeWorld, type Page } from './api-world.ts';
import { insertSteps, type StepRow } from './flow-rows.ts';

/** What the API says of the steps of flows in ClickHouse. */

const T0 = Date.UTC(2026, 9, 1, 12);
const MINUTE_MS = 60_000;
const run = (n: number): string => n.toString(16).padStart(32, '0');

let world: AcmeWorld;
let flow: string;
let kay: string;
let lea: string;

beforeAll(async () => {
  world = await openAcme();
  const { installation, acme } = world;
  const key = acme.keys.write;
  const nodes = {
    tell: { type: 'sms', text: 'Hello {{ person.first_name }}', next: 'pause', code_pool: 'ten' },
    pause: { type: 'wait', for: { amount: 1, unit: 'hours' }, next: null },
  };
  const body = { name: 'F', triggers: [{ trait: 'cart_status_updated' }], start: 'tell', nodes };
  flow = (await world.ask<{ id: string }>('POST', '/v1/flows', { key, body })).body.id;
  const occurred_at = new Date(T0).toISOString();
  await postLines(installation, acme, 'people', [
    { occurred_at, email: 'kay@example.com', name: 'Kay Doe', phone: '+18085550143' },
    { occurred_at, email: 'lea@example.com' },
  ]);
  const products = [{ product_id: 'p1', count: 2, price: 10.25 }];
  const cart = { id: 'c1', status: 'preparing', amount: 20.5, customer_email_address: 'kay@example.com', products };
  await postLines(installation, acme, 'events', [{ type: 'cart_status', occurred_at, cart }]);
  await waitFresh(installation, acme);
  [kay, lea] = (await Promise.all(['kay', 'lea'].map(personOf))) as [string, string];
  await insertSteps(installation, await steps());
});
afterAll(() => world.close());

async function personOf(name: string): Promise<string> {
  const path = `/v1/people?email=${name}%40example.com`;
  const { body } = await world.ask<Page<{ person_id: string }>>('GET', path, { key: world.acme.keys.read });
  return body.items[0]!.person_id;
}

async function eventOf(person: string): Promise<string> {
  const { body } = await world.ask<{ timeline: { event_id: string }[] }>('GET', `/v1/people/${person}`, {
    key: world.acme.keys.read,
  });
  return body.timeline[0]!.event_id;
}

async function steps(): Promise<StepRow[]> {
  const event_id = await eventOf(kay);
  const of = { workspace: world.acme.id, flow_id: flow };
  const ofKay = { ...of, run_id: run(1), person_id: Number(kay), cart_id: 'c1', event_id };
  const ofLea = { ...of, run_id: run(2), person_id: Number(lea), cart_id: 'c2', event_id: 'c2@1790000000000' };
  const message = { node: 'tell', channel: 'sms', class: 'marketing' };
  const [first, second] = ['a'.repeat(32), 'b'.repeat(32)];
  const text = '{"channel":"sms","text":"Hello Kay"}';
  const goal = { what: 'goal', at: T0 + 4 * MINUTE_MS, due_at: T0 + MINUTE_MS };
  return [
    { ...ofKay, what: 'started', at: T0 },
    { ...ofKay, what: 'reached', at: T0, node: 'tell' },
    { ...ofKay, what: 'requested', at: T0, ...message, request_id: first },
    { ...ofKay, what: 'sent', at: T0 + 200, ...message, request_id: first, address: '+18085550143', text },
    { ...ofKay, what: 'reached', at: T0 + 200, node: 'pause' },
    { ...ofLea, what: 'started', at: T0 + MINUTE_MS },
    { ...ofLea, what: 'reached', at: T0 + MINUTE_MS, node: 'tell' },
    { ...ofLea, what: 'skipped', at: T0 + MINUTE_MS, ...message, reason: 'no_address', request_id: second },
    { ...ofLea, what: 'exited', at: T0 + 2 * MINUTE_MS, reason: 'checkout' },
    { ...ofKay, run_id: '', what: 'refused', at: T0 + 3 * MINUTE_MS, reason: 'live' },
    // By another cart of the same person, for the message of the node that the run has left.
    { ...ofKay, ...goal, person_id: Number(lea), cart_id: 'c9', node: 'tell', amount: 20.5 },
    { ...ofLea, ...goal, amount: 99 },
    { ...ofLea, what: 'goal', at: T0 + 5 * MINUTE_MS, reason: 'retracted' },
    // A flow of another workspace.
    { ...ofKay, workspace: world.other.id, what: 'started', at: T0 },
  ];
}

const get = async <T>(path: string): Promise<T> =>
  (await world.ask<T>('GET', path, { key: world.acme.keys.read })).body;
const none = { reached: 0, waiting: 0, sent: 0, skipped: {}, failed: 0, unknown: 0 };
const at = (ms: number): string => new Date(ms).toISOString();

describe('the report', () => {
  it('counts steps of a time; what is live is that of now', async () => {
    const whole = {
      entered: 2,
      refused: { live: 1 },
      live: 1,
      completed: 0,
      exited: { checkout: 1 },
      nodes: {
        tell: { ...none, reached: 2, sent: 1, skipped: { no_address: 1 } },
        pause: { ...none, reached: 1, waiting: 1 },
      },
      goals: 1,
      revenue: 20.5,
    };
    expect(await get(`/v1/flows/${flow}/report`)).toEqual(whole);
    const minute = `from=${at(T0 + MINUTE_MS)}&to=${at(T0 + 2 * MINUTE_MS)}`;
    expect(await get(`/v1/flows/${flow}/report?${minute}`)).toEqual({
      ...whole,
      entered: 1,
      refused: {},
      exited: {},
      nodes: { tell: { ...none, reached: 1, skipped: { no_address: 1 } }, pause: { ...none, waiting: 1 } },
    });
  });
});

describe('a back-test', () => {
  it('plays the trait events of a time, with their amounts and products', async () => {
    const triggers = [{ trait: 'cart_status_updated', product_id: ['p1'], amount: { min: 20 } }];
    const nodes = { tell: { type: 'email', class: 'transactional', subject: 'Soon', html: 'It is {{ cart.status }}' } };
    const played = async (from: number, to: number): Promise<unknown> => {
      const body = { flow: { name: 'B', triggers, start: 'tell', nodes }, from: at(from), to: at(to) };
      const answer = await world.ask('POST', '/v1/flows/backtest', { key: world.acme.keys.read, body });
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      return answer.body;
    };
    expect(await played(T0 - MINUTE_MS, T0 + MINUTE_MS)).toMatchObject({
      entered: 1,
      completed: 1,
      nodes: { tell: { reached: 1, sent: 1 } },
      runs: [{ person_id: kay, cart_id: 'c1' }],
    });
    expect(await played(T0 + 1, T0 + MINUTE_MS)).toMatchObject({ entered: 0, runs: [] });
  });

  it('plays merged people as one, and erased people not at all', async () => {
    const { installation, acme } = world;
    const post = async (path: 'events' | 'people', lines: object[]): Promise<void> => {
      await postLines(installation, acme, path, lines);
      await waitFresh(installation, acme);
    };
    const line = (id: string, minute: number, email: string, status: string) => ({
      type: status === 'abandoned' ? 'cart_abandoned' : 'cart_status',
      occurred_at: at(T0 + minute * MINUTE_MS),
      cart: { id, amount: 5, customer_email_address: email, ...(status === 'abandoned' ? {} : { status }) },
    });
    await post('events', [
      line('m1', 60, 'mia@example.com', 'abandoned'),
      line('m2', 90, 'mia.two@example.com', 'verification'),
      line('m3', 61, 'ned@example.com', 'abandoned'),
      line('m4', 62, 'olga@example.com', 'abandoned'),
    ]);
    const body = {
      flow: {
        name: 'B',
        triggers: [{ trait: 'cart_abandoned' }],
        exit_on: [{ checkout: 'person' }],
        start: 'pause',
        nodes: { pause: { type: 'wait', for: { amount: 5, unit: 'hours' } } },
      },
      ...{ from: at(T0 + 30 * MINUTE_MS), to: at(T0 + 120 * MINUTE_MS) },
    };
    const played = async (): Promise<unknown> =>
      (await world.ask('POST', '/v1/flows/backtest', { key: acme.keys.read, body })).body;
    expect(await played()).toMatchObject({ entered: 3, live: 3, exited: {}, nodes: { pause: { waiting: 3 } } });
    const occurred_at = at(T0);
    await post('people', [
      { occurred_at, email: 'mia@example.com', phone: '+18085550155' },
      { occurred_at, email: 'mia.two@example.com', phone: '+18085550155' },
    ]);
    const mia = await personOf('mia');
    expect(await played()).toMatchObject({
      ...{ entered: 3, live: 2, exited: { checkout: 1 } },
      runs: [{ person_id: mia, cart_id: 'm1', state: 'exited' }, { cart_id: 'm3' }, { cart_id: 'm4' }],
    });
    const erased = await world.ask('DELETE', `/v1/people/${await personOf('ned')}`, { key: acme.keys.write });
    expect(erased.status).toBeLessThan(300);
    await waitFresh(installation, acme);
    expect(await played()).toMatchObject({ entered: 2, runs: [{ cart_id: 'm1' }, { cart_id: 'm4' }] });
  });
});

describe('runs', () => {
  it('are listed newest first, by state and by person', async () => {
    const list = async (query: string): Promise<[string, string][]> =>
      (await get<Page<{ id: string; state: string }>>(`/v1/flows/${flow}/runs?${query}`)).items.map(({ id, state }) => [
        id,
        state,
      ]);
    expect(await list('')).toEqual([
      [run(2), 'exited'],
      [run(1), 'live'],
    ]);
    expect(await list('state=live')).toEqual([[run(1), 'live']]);
    expect(await list(`person_id=${lea}`)).toEqual([[run(2), 'exited']]);
    expect(await list('person_id=4000000')).toEqual([]);
    const page = await get<Page<{ id: string }>>(`/v1/flows/${flow}/runs?limit=1`);
    expect(await list(`limit=1&cursor=${page.next_cursor ?? ''}`)).toEqual([[run(1), 'live']]);
  });

  it('have their steps, and are those of the person', async () => {
    const one = await get<{ steps: { what: string; content: unknown }[] }>(`/v1/runs/${run(1)}`);
    expect(one).toMatchObject({
      id: run(1),
      flow_id: flow,
      person_id: kay,
      cart_id: 'c1',
      state: 'live',
      node: 'pause',
      started_at: at(T0),
      ended_at: null,
    });
    expect(one.steps.map(({ what }) => what)).toEqual(['started', 'reached', 'requested', 'sent', 'reached', 'goal']);
    expect(one.steps[3]).toMatchObject({ address: '+18085550143', content: { channel: 'sms', text: 'Hello Kay' } });
    const { flow_runs } = await get<{ flow_runs: { id: string }[] }>(`/v1/people/${kay}`);
    expect(flow_runs).toMatchObject([{ id: run(1), flow_id: flow, state: 'live' }]);
    expect(await world.statusOf('GET', `/v1/runs/${run(9)}`, { key: world.acme.keys.read })).toBe(404);
  });

  it('are cancelled while they are live', async () => {
    const key = world.acme.keys.write;
    expect(await world.statusOf('POST', `/v1/runs/${run(1)}/cancel`, { key: world.acme.keys.read })).toBe(403);
    expect(await world.statusOf('POST', `/v1/runs/${run(1)}/cancel`, { key })).toBe(202);
    expect(await world.statusOf('POST', `/v1/runs/${run(2)}/cancel`, { key })).toBe(409);
    expect(await world.statusOf('POST', `/v1/runs/${run(1)}/cancel`, { key: world.other.keys.write })).toBe(202);
    expect(await world.statusOf('POST', `/v1/runs/${run(2)}/cancel`, { key: world.other.keys.write })).toBe(404);
  });
});

it('why lists each trait event that satisfied a trigger, newest first', async () => {
  const why = await get<Page<object>>(`/v1/flows/${flow}/why?person_id=${kay}`);
  const event = { cart_id: 'c1', trait: 'cart_status_updated', status: 'preparing', occurred_at: at(T0) };
  expect(why.items).toMatchObject([
    { event, at: at(T0 + 3 * MINUTE_MS), outcome: 'refused', reason: 'live' },
    { event, at: at(T0), outcome: 'started', run_id: run(1) },
  ]);
  expect(Object.keys(why.items[1]!)).not.toContain('reason');
  const page = await get<Page<object>>(`/v1/flows/${flow}/why?person_id=${kay}&limit=1`);
  const next = await get<Page<object>>(`/v1/flows/${flow}/why?person_id=${kay}&cursor=${page.next_cursor ?? ''}`);
  expect(next.items).toEqual(why.items.slice(1));
  expect((await get<Page<object>>(`/v1/flows/${flow}/why?person_id=${lea}`)).items).toMatchObject([
    { event: { trait: null, occurred_at: at(1_790_000_000_000) }, outcome: 'started' },
  ]);
  expect(await world.statusOf('GET', `/v1/flows/${flow}/why`, { key: world.acme.keys.read })).toBe(422);
});

it('messages are as rendered, with their outcome; skips are among them', async () => {
  const { items } = await get<Page<object>>(`/v1/messages?flow_id=${flow}`);
  expect(items).toMatchObject([
    {
      run_id: run(2),
      node: 'tell',
      person_id: lea,
      outcome: 'skipped',
      reason: 'no_address',
      requested_at: null,
      content: null,
    },
    {
      run_id: run(1),
      person_id: kay,
      channel: 'sms',
      class: 'marketing',
      outcome: 'sent',
      reason: null,
      requested_at: at(T0),
      sent_at: at(T0 + 200),
      address: '+18085550143',
      content: { text: 'Hello Kay' },
    },
  ]);
  expect((await get<Page<object>>(`/v1/messages?person_id=${kay}`)).items).toEqual(items.slice(1));
  const page = await get<Page<object>>('/v1/messages?limit=1');
  expect((await get<Page<object>>(`/v1/messages?cursor=${page.next_cursor ?? ''}`)).items).toEqual(items.slice(1));
});

it('a code counts as given to the run that has requested its message', async () => {
  const key = world.acme.keys.write;
  const added = await world.ask('POST', '/v1/code-pools', { key, body: { name: 'ten', codes: ['A', 'B', 'C'] } });
  expect(added.body).toEqual({ name: 'ten', left: 2, given: 1, added: 3 });
});

it('a message is rendered for a person', async () => {
  const key = world.acme.keys.write;
  const test = { id: flow, node: 'tell', person_id: kay };
  expect((await world.ask('POST', '/v1/flows/test', { key, body: test })).body).toEqual({
    channel: 'sms',
    content: { text: 'Hello Kay' },
    to: null,
    outcome: null,
    provider: 'test',
  });
  const sent = await world.ask('POST', '/v1/flows/test', { key, body: { ...test, to: '+18085550199' } });
  expect(sent.body).toMatchObject({ to: '+18085550199', outcome: 'sent' });
  for (const wrong of [{ node: 'pause' }, { flow: {} }, { id: undefined }]) {
    expect(await world.statusOf('POST', '/v1/flows/test', { key, body: { ...test, ...wrong } })).toBe(422);
  }
  expect(await world.statusOf('POST', '/v1/flows/test', { key, body: { ...test, person_id: '4000000' } })).toBe(404);
});
