import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Flow } from '../../lib/flows/definition.ts';
import { openAcme, type AcmeWorld, type Page, type Question } from './api-world.ts';

/** Flows over HTTP on a real installation: their life, versions, and what publishing refuses. */

let world: AcmeWorld;
beforeAll(async () => {
  world = await openAcme();
});
afterAll(() => world.close());

const FLOW: Flow = {
  name: 'Prepared',
  triggers: [{ trait: 'cart_status_updated', status: ['preparing'] }],
  start: 'tell',
  nodes: {
    tell: { type: 'sms', text: '{{ workspace.name }}: we prepare it. Reply STOP to opt out.', next: 'pause' },
    pause: { type: 'wait', for: { amount: 1, unit: 'hours' }, next: null },
  },
};

interface Saved {
  id: string;
  version: number;
  state: string;
  live_version: number | null;
  published_at: string | null;
  flow: Flow;
  created_at: string;
  updated_at: string;
  warnings?: { path: string; message: string }[];
}
interface Problem {
  detail: string;
  errors?: { path: string; message: string }[];
}

const write = (): Question => ({ key: world.acme.keys.write });
const save = (flow: object = FLOW, question: Question = write()) =>
  world.ask<Saved & Problem>('POST', '/v1/flows', { ...question, body: flow });
const get = async (id: string) =>
  (await world.ask<Saved>('GET', `/v1/flows/${id}`, { key: world.acme.keys.read })).body;
const command = (id: string, what: string, question: Question = {}) =>
  world.ask<Saved & Problem>('POST', `/v1/flows/${id}/${what}`, { ...write(), ...question });
const put = (id: string, ifMatch: string | undefined, flow: object = FLOW) =>
  world.ask<Saved & Problem>('PUT', `/v1/flows/${id}`, {
    ...write(),
    body: flow,
    ...(ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } }),
  });
const stateOf = (id: string, state: string) =>
  expect.poll(async () => (await get(id)).state, { timeout: 30_000 }).toBe(state);

describe('a flow', () => {
  it('is saved as a draft and read back', async () => {
    const { status, body, headers } = await save();
    expect([status, headers.get('etag')]).toEqual([201, '"1"']);
    const { created_at, updated_at, ...rest } = body;
    expect(rest).toEqual({
      id: expect.stringMatching(/^flow_/) as unknown,
      version: 1,
      state: 'draft',
      live_version: null,
      published_at: null,
      flow: FLOW,
    });
    expect(updated_at).toBe(created_at);
    expect(await get(body.id)).toEqual(body);
  });

  it('gets a new draft version with If-Match, whatever its state, and publishing changes no version', async () => {
    const { body: first } = await save();
    expect((await put(first.id, undefined)).status).toBe(428);
    expect((await put(first.id, '"2"')).status).toBe(409);
    const published = await command(first.id, 'publish');
    expect(published).toMatchObject({ status: 200, body: { version: 1, live_version: 1, warnings: [] } });
    await stateOf(first.id, 'live');
    const second = await put(first.id, '"1"', { ...FLOW, name: 'Second' });
    expect(second.body).toMatchObject({ version: 2, live_version: 1, state: 'live', flow: { name: 'Second' } });
    expect(second.headers.get('etag')).toBe('"2"');
    expect((await put(first.id, '"1"')).status).toBe(409);
    expect((await command(first.id, 'publish', { headers: { 'if-match': '"1"' } })).status).toBe(409);
    const again = await command(first.id, 'publish', { body: { runs: 'move' }, headers: { 'if-match': '"2"' } });
    expect(again.body).toMatchObject({ version: 2, live_version: 2, state: 'live' });
    const { body: versions } = await world.ask<Page<Saved>>('GET', `/v1/flows/${first.id}/versions`, write());
    expect(versions.items.map(({ version, flow }) => [version, flow.name])).toEqual([
      [2, 'Second'],
      [1, 'Prepared'],
    ]);
  });

  it('is paused, resumed and archived; a publish of a paused flow leaves it paused', async () => {
    const { body: flow } = await save();
    for (const what of ['pause', 'resume']) expect((await command(flow.id, what)).status).toBe(409);
    await command(flow.id, 'publish');
    expect((await command(flow.id, 'pause')).body.state).toBe('paused');
    expect((await command(flow.id, 'pause')).body.state).toBe('paused');
    await put(flow.id, '"1"');
    expect((await command(flow.id, 'publish')).body).toMatchObject({ state: 'paused', live_version: 2 });
    expect((await command(flow.id, 'resume')).status).toBe(200);
    await stateOf(flow.id, 'live');
    expect((await command(flow.id, 'pause')).body.state).toBe('paused');
    const path = `/v1/flows/${flow.id}`;
    expect(await world.statusOf('DELETE', path, { ...write(), headers: { 'if-match': '"1"' } })).toBe(409);
    for (let i = 0; i < 2; i++) expect(await world.statusOf('DELETE', path, write())).toBe(204);
    expect(await get(flow.id)).toMatchObject({ state: 'archived', live_version: 2 });
    for (const what of ['publish', 'pause', 'resume']) expect((await command(flow.id, what)).status).toBe(409);
    expect((await put(flow.id, '"2"')).status).toBe(409);
  });

  it('has one winner of concurrent commands, and all of them answer with a state that it had', async () => {
    const { body: flow } = await save();
    await command(flow.id, 'publish');
    const answers = await Promise.all(
      ['pause', 'resume', 'pause', 'resume', 'publish'].map((what) => command(flow.id, what)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(['live', 'paused']).toContain((await get(flow.id)).state);
  });

  it('belongs to its workspace, and needs the role write', async () => {
    const { body: flow } = await save();
    const other = { key: world.other.keys.write };
    for (const path of [`/v1/flows/${flow.id}`, `/v1/flows/${flow.id}/versions`])
      expect(await world.statusOf('GET', path, other)).toBe(404);
    for (const what of ['publish', 'pause', 'resume']) expect((await command(flow.id, what, other)).status).toBe(404);
    expect(await world.statusOf('DELETE', `/v1/flows/${flow.id}`, other)).toBe(404);
    const reader = { key: world.acme.keys.read };
    expect((await save(FLOW, reader)).status).toBe(403);
    expect((await command(flow.id, 'publish', reader)).status).toBe(403);
    const listed = async (question: Question, query = '?limit=1000'): Promise<string[]> =>
      (await world.ask<Page<Saved>>('GET', `/v1/flows${query}`, question)).body.items.map(({ id }) => id);
    expect(await listed(reader)).toContain(flow.id);
    expect(await listed(reader, '?state=draft&limit=1000')).toContain(flow.id);
    expect(await listed(reader, '?state=archived&limit=1000')).not.toContain(flow.id);
    expect(await listed(other)).toEqual([]);
  });
});

describe('what is wrong with a flow', () => {
  const paths = ({ errors = [] }: Problem): string[] => errors.map(({ path }) => path).sort();

  it('in its shape is refused when it is saved, each with its path', async () => {
    const wrong = {
      ...FLOW,
      name: '',
      triggers: [{ trait: 'cart_abandoned', at_least: 2 }, { trait: 'nothing' }],
      surprise: 1,
      nodes: { tell: { type: 'sms', text: 'x', next: 'nowhere' }, Pause: { type: 'exit' } },
    };
    const { status, body } = await save(wrong);
    expect(status).toBe(422);
    expect(paths(body)).toEqual(
      expect.arrayContaining(['/name', '/surprise', '/triggers/0/at_least', '/triggers/1/trait']),
    );
    const edge = await save({
      ...FLOW,
      nodes: { tell: { type: 'wait', for: { amount: 1, unit: 'hours' }, next: 'nowhere' } },
    });
    expect(paths(edge.body)).toEqual(['/nodes/tell/next']);
  });

  const UNFIT: Flow = {
    ...FLOW,
    start: 'a',
    nodes: {
      a: { type: 'wait', for: { amount: 200, unit: 'days' }, next: 'b' },
      b: { type: 'sms', text: '{{ person.shoe_size }} {{ cart.amount | shout }}', next: 'a' },
      c: { type: 'email', subject: 'x', html: 'no link', next: null },
    },
  };

  it('in its meaning is refused when it is published, all at once, and may be saved', async () => {
    const { status, body: saved } = await save(UNFIT);
    expect(status).toBe(201);
    const published = await command(saved.id, 'publish');
    expect(published.status).toBe(422);
    expect([...new Set(paths(published.body))]).toEqual([
      '/nodes/a/for',
      '/nodes/b/next',
      '/nodes/b/text',
      '/nodes/c',
      '/nodes/c/html',
    ]);
    expect(await get(saved.id)).toMatchObject({ state: 'draft', live_version: null });
  });

  it('is listed by validate, for a flow, a saved one, and one that cannot be saved', async () => {
    const validate = async (body: object) =>
      (
        await world.ask<{ errors: Problem['errors']; warnings: { path: string }[] }>('POST', '/v1/flows/validate', {
          ...write(),
          body,
        })
      ).body;
    const { body: saved } = await save(UNFIT);
    const whole = await validate(UNFIT);
    expect(whole.errors).toHaveLength(5);
    expect(await validate({ flow: UNFIT })).toEqual(whole);
    expect(await validate({ id: saved.id })).toEqual(whole);
    expect(await validate(FLOW)).toEqual({ errors: [], warnings: [] });
    const silent = await validate({ ...FLOW, nodes: { tell: { type: 'sms', text: 'Hello' } } });
    expect(silent.errors).toEqual([]);
    expect(silent.warnings.map(({ path }) => path)).toEqual(['/nodes/tell/text', '/nodes/tell/text']);
    expect((await validate({ name: 'x' })).errors?.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/triggers', '/start', '/nodes']),
    );
  });
});

describe('templates', () => {
  it('can each be saved and published as they are', async () => {
    interface Template {
      id: string;
      flow: Flow;
    }
    const { body } = await world.ask<Page<Template>>('GET', '/v1/flow-templates', { key: world.acme.keys.read });
    expect(body.items.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'abandoned_cart_recovery',
        'ready_for_pickup',
        'pickup_reminder',
        'cancelled_order_winback',
      ]),
    );
    for (const { flow } of body.items) {
      const saved = await save(flow);
      expect(await command(saved.body.id, 'publish')).toMatchObject({ status: 200, body: { warnings: [] } });
    }
  });
});

describe('channels and settings', () => {
  it('of a channel are those of the test provider until they are set', async () => {
    const read = { key: world.acme.keys.read };
    const first = await world.ask('GET', '/v1/channels/sms', read);
    expect(first.body).toMatchObject({ channel: 'sms', provider: 'test', rate_per_second: null, version: 0 });
    const body = { provider: 'test', rate_per_second: 5, on_unknown: 'retry' };
    expect(await world.ask('PUT', '/v1/channels/sms', { ...write(), body })).toMatchObject({
      status: 200,
      body: { ...body, version: 1 },
    });
    expect((await world.ask('GET', '/v1/channels/sms', read)).body).toMatchObject(body);
    expect((await world.ask('GET', '/v1/channels/email', read)).body).toMatchObject({ version: 0 });
    for (const provider of ['twilio', 'http', 'smtp'])
      expect(await world.statusOf('PUT', '/v1/channels/sms', { ...write(), body: { provider } })).toBe(501);
    expect(await world.statusOf('PUT', '/v1/channels/pigeon', { ...write(), body })).toBe(404);
  });

  it('of the workspace are changed by the role write, the others by an admin key alone', async () => {
    const path = `/v1/workspaces/${world.acme.id}`;
    const before = await world.ask('GET', path, { key: world.acme.keys.read });
    expect(before.body).toMatchObject({
      frequency_cap: null,
      quiet_hours: { from: '08:00', to: '21:00', channels: ['sms'] },
    });
    const body = {
      frequency_cap: { count: 2, per: { amount: 1, unit: 'days' } },
      quiet_hours: { from: '22:00', to: '06:00', channels: ['sms', 'email'] },
    };
    expect(await world.ask('PATCH', path, { ...write(), body })).toMatchObject({ status: 200, body });
    expect(await world.statusOf('PATCH', path, { key: world.acme.keys.read, body })).toBe(403);
    expect(await world.statusOf('PATCH', path, { ...write(), body: { name: 'Mine' } })).toBe(403);
    expect(await world.statusOf('PATCH', path, { key: world.other.keys.write, body })).toBe(404);
    const equal = { quiet_hours: { from: '09:00', to: '09:00' } };
    expect(await world.statusOf('PATCH', path, { ...write(), body: equal })).toBe(422);
    expect(await world.ask('PATCH', path, { ...write(), body: { frequency_cap: null } })).toMatchObject({
      body: { frequency_cap: null, quiet_hours: body.quiet_hours },
    });
  });
});
