import { describe, expect, it } from 'vitest';
import type { Definition } from '../../schemas/types.ts';
import { localCodec } from '../avro/testing.ts';
import { randomFrom } from '../carts/testing/random.ts';
import { KafkaUnavailableError } from '../kafka/errors.ts';
import { SimulatedBroker } from '../kafka/testing/broker.ts';
import { EventLoop } from '../kafka/testing/event-loop.ts';
import { Network } from '../kafka/testing/network.ts';
import { simulatedKafka } from '../kafka/testing/simulated-kafka.ts';
import {
  authenticate,
  ConflictError,
  createDefinitions,
  DefinitionsFold,
  DefinitionsUnavailableError,
  hashOf,
  LIVE_AUDIENCES_MAX,
  newSecret,
  OtherWorkspaceError,
  seal,
  TooManyLiveAudiencesError,
  UnauthenticatedError,
  UnknownOutcomeError,
  UnknownWorkspaceError,
  unseal,
  type WorkspaceBody,
} from './index.ts';

const record = (change: Partial<Definition>): Definition => ({
  record_id: 'r',
  entity: 'workspace',
  workspace: 'acme',
  id: 'acme',
  expected_version: 0,
  deleted: false,
  body: '{"name":"one"}',
  at: 1000,
  ...change,
});

describe('DefinitionsFold', () => {
  it('takes the first of two concurrent writes and refuses the other', () => {
    const fold = new DefinitionsFold();
    expect(fold.apply(record({}))).toBe('accepted');
    expect(fold.apply(record({ body: '{"name":"two"}' }))).toBe('refused');
    expect(fold.apply(record({ expected_version: 1, body: '{"name":"three"}', at: 2000 }))).toBe('accepted');
    expect(fold.apply(record({ expected_version: 1, body: '{"name":"four"}' }))).toBe('refused');
    expect(fold.get('workspace', 'acme')).toMatchObject({
      name: 'three',
      version: 2,
      createdAt: 1000,
      updatedAt: 2000,
    });
  });

  it('keeps a deleted id taken for ever', () => {
    const fold = new DefinitionsFold();
    const key = { entity: 'key', id: 'k', body: JSON.stringify({ role: 'read', hash: hashOf('secret') }) } as const;
    fold.apply(record(key));
    expect(fold.keyByHash(hashOf('secret'))).toBeDefined();
    expect(fold.apply(record({ ...key, expected_version: 1, deleted: true, body: '' }))).toBe('accepted');
    expect(fold.keyByHash(hashOf('secret'))).toBeUndefined();
    expect(fold.list('key')).toEqual([]);
    for (const expected_version of [0, 1, 2]) expect(fold.apply(record({ ...key, expected_version }))).toBe('refused');
  });

  it('keeps every version of the kinds that it is asked for, until the entity is deleted', () => {
    const fold = new DefinitionsFold({ versionsOf: ['audience'] });
    const audience = { entity: 'audience', id: 'a', body: '{"name":"one"}' } as const;
    fold.apply(record(audience));
    fold.apply(record({ ...audience, expected_version: 1, body: '{"name":"two"}', at: 2000 }));
    fold.apply(record({ ...audience, expected_version: 1, body: '{"name":"refused"}' }));
    const meta = { id: 'a', workspace: 'acme', createdAt: 1000 };
    const first = { ...meta, name: 'one', version: 1, updatedAt: 1000 };
    const second = { ...meta, name: 'two', version: 2, updatedAt: 2000 };
    expect(fold.versions('audience', 'a')).toEqual([second, first]);
    expect(fold.get('audience', 'a')).toEqual(second);
    expect([0, 1, 2, 3].map((n) => fold.version('audience', 'a', n))).toEqual([undefined, first, second, undefined]);
    fold.apply(record({}));
    expect(fold.versions('workspace', 'acme')).toEqual([]);
    fold.apply(record({ ...audience, expected_version: 2, deleted: true, body: '' }));
    expect(fold.versions('audience', 'a')).toEqual([]);
    expect(fold.version('audience', 'a', 1)).toBeUndefined();
  });

  it('refuses a record that would move an entity to another workspace, and bodies that are no object', () => {
    const fold = new DefinitionsFold();
    fold.apply(record({ entity: 'subscription', id: 's', body: '{}' }));
    const moved = record({ entity: 'subscription', id: 's', workspace: 'other', expected_version: 1, body: '{}' });
    expect(fold.apply(moved)).toBe('refused');
    for (const body of ['', '[]', 'null', '7']) expect(fold.apply(record({ id: 'new', body }))).toBe('refused');
  });

  it('refuses to make more audiences of a workspace live than there can be', () => {
    const fold = new DefinitionsFold();
    const audience = (id: string, live: boolean, change: Partial<Definition> = {}): Definition =>
      record({ entity: 'audience', id, body: JSON.stringify({ live }), ...change });
    for (let i = 0; i < LIVE_AUDIENCES_MAX; i++) expect(fold.apply(audience(`a${i}`, true))).toBe('accepted');
    expect(fold.apply(audience('one more', true))).toBe('full');
    expect(fold.get('audience', 'one more')).toBeUndefined();
    expect(fold.versionOf('audience', 'one more')).toBe(0);
    expect(fold.apply(audience('other', true, { workspace: 'other' }))).toBe('accepted');
    // Neither one that is not live takes a place, nor another version of one that is.
    expect(fold.apply(audience('quiet', false))).toBe('accepted');
    expect(fold.apply(audience('quiet', true, { expected_version: 1 }))).toBe('full');
    expect(fold.apply(audience('a0', true, { expected_version: 1 }))).toBe('accepted');
    expect(fold.apply(audience('one more', true))).toBe('full');
    // Switching one off makes room for one, as does deleting one.
    expect(fold.apply(audience('a0', false, { expected_version: 2 }))).toBe('accepted');
    expect(fold.apply(audience('quiet', true, { expected_version: 1 }))).toBe('accepted');
    expect(fold.apply(audience('one more', true))).toBe('full');
    expect(fold.apply(audience('a1', true, { expected_version: 1, deleted: true, body: '' }))).toBe('accepted');
    expect(fold.apply(audience('one more', true))).toBe('accepted');
    expect(fold.apply(audience('two more', true))).toBe('full');
  });
});

/** Processes on a simulated Kafka, which follow the definitions in it. */
function world() {
  const loop = new EventLoop();
  const random = randomFrom(7);
  const broker = new SimulatedBroker({ loop, random });
  let endsAsked = 0;
  const network = new Network({
    ...{ loop, random },
    faultOf: (_, kind) => {
      if (kind === 'offsets') endsAsked += 1;
      return null;
    },
  });
  const finished = <T>(work: Promise<T>): Promise<T> => loop.finished(work, 30_000);
  const open = async (warn: (fields: object) => void = () => undefined) => {
    const process = loop.process('reader');
    const definitions = await finished(
      createDefinitions({
        kafka: simulatedKafka({ process, broker, network, random }),
        registry: { codec: (topic) => Promise.resolve(localCodec(topic)) },
        logger: { warn },
        secretKey: Buffer.alloc(32, 7),
        clock: process.clock,
      }),
    );
    return { process, definitions };
  };
  const recordsOf = (topic: string): number => broker.log(topic, 0).highWatermark;
  return { loop, network, finished, open, recordsOf, endsAsked: () => endsAsked };
}

const body: WorkspaceBody = {
  name: 'Acme',
  time_zone: 'UTC',
  abandonment_window_minutes: 30,
  grace_seconds: 60,
  retry_horizon_minutes: 15,
  default_country: 'US',
  retention_days: null,
};

describe('createDefinitions', () => {
  it('waits until its own record is folded; two writers of one id: one wins, one gets a conflict', async () => {
    const { finished, open, recordsOf } = world();
    const [{ definitions: one }, { definitions: two }] = [await open(), await open()];
    const change = { entity: 'workspace', workspace: 'acme', id: 'acme', expectedVersion: 0, body } as const;
    const results = await finished(Promise.allSettled([one.append(change), two.append({ ...change })]));
    expect(results.map((r) => r.status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = results.find((r) => r.status === 'rejected');
    expect(lost?.reason).toBeInstanceOf(ConflictError);
    await finished(one.fresh());
    expect(one.workspace('acme')).toMatchObject({ version: 1, name: 'Acme' });
    const conflict = await finished(one.append({ ...change, expectedVersion: 4 }).catch((error: unknown) => error));
    expect(conflict).toBeInstanceOf(ConflictError);
    expect(conflict).toMatchObject({ currentVersion: 1 });
    expect(recordsOf('definitions')).toBe(2);
  });

  it('refuses the last live audiences of several processes in the same way, and takes them when there is room', async () => {
    const { finished, open } = world();
    const writers = [(await open()).definitions, (await open()).definitions];
    const audience = { name: 'n', description: null, audience: { everyone: true }, include_anonymous: false } as const;
    const save = (writer: number, id: string, live: boolean, expectedVersion = 0) =>
      writers[writer]!.append({
        ...{ entity: 'audience', workspace: 'acme', id, expectedVersion, body: { ...audience, live } },
      });
    const ids = Array.from({ length: LIVE_AUDIENCES_MAX - 1 }, (_, i) => `a${i}`);
    await finished(Promise.all(ids.map((id) => save(0, id, true))));
    await finished(writers[1]!.fresh());
    const results = await finished(Promise.allSettled([save(0, 'x', true), save(1, 'y', true)]));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find((result) => result.status === 'rejected')?.reason).toBeInstanceOf(TooManyLiveAudiencesError);
    for (const writer of writers) {
      await finished(writer.fresh());
      expect(writer.list('audience').filter(({ live }) => live)).toHaveLength(LIVE_AUDIENCES_MAX);
    }
    // Refused before it is written; the other process learns that there is room before it refuses.
    expect(await finished(save(0, 'z', true).catch((error: unknown) => error))).toBeInstanceOf(
      TooManyLiveAudiencesError,
    );
    await finished(save(0, 'a0', false, 1));
    expect(await finished(save(1, 'z', true))).toMatchObject({ id: 'z', version: 1, live: true });
  });

  it('reads to the end on a miss, so that what another process wrote is known at once', async () => {
    const { finished, open } = world();
    const [{ definitions: one }, { definitions: two, process }] = [await open(), await open()];
    process.freeze();
    await finished(one.append({ entity: 'workspace', workspace: 'w', id: 'w', expectedVersion: 0, body }));
    const key = { role: 'read', hash: hashOf('secret') } as const;
    await finished(one.append({ entity: 'key', workspace: 'w', id: 'k', expectedVersion: 0, body: key }));
    process.thaw();
    expect([two.workspace('w'), two.get('key', 'k'), two.key('secret')]).toEqual([undefined, undefined, undefined]);
    expect(await finished(two.findKey('secret'))).toMatchObject({ id: 'k', role: 'read' });
    expect(await finished(two.findWorkspace('w'))).toMatchObject({ id: 'w' });
    expect(await finished(two.find('key', 'k'))).toMatchObject({ id: 'k', role: 'read' });
  });

  it('does not report a key as unknown while Kafka does not answer', async () => {
    const { finished, network, open } = world();
    const { definitions, process } = await open();
    network.cutOff.set(process, 'all');
    const error = await finished(definitions.findKey('secret').catch((thrown: unknown) => thrown));
    expect(error).toBeInstanceOf(KafkaUnavailableError);
    network.cutOff.delete(process);
    expect(await finished(definitions.findKey('secret'))).toBeUndefined();
  });

  it('throws after 10 seconds when records that were written before the call are not read', async () => {
    const { finished, loop, open } = world();
    const [{ definitions: one }, { definitions: two }] = [await open(), await open()];
    await two.stop();
    await finished(one.append({ entity: 'workspace', workspace: 'w', id: 'w', expectedVersion: 0, body }));
    const startedAtMs = loop.nowMs;
    const error = await finished(two.fresh().catch((thrown: unknown) => thrown));
    expect(error).toBeInstanceOf(DefinitionsUnavailableError);
    expect(loop.nowMs - startedAtMs).toBeLessThan(10_100);
  });

  it('does not know the outcome of a change that it cannot read back', async () => {
    const { finished, loop, open } = world();
    const { definitions } = await open();
    await definitions.stop();
    const change = { entity: 'workspace', workspace: 'w', id: 'w', expectedVersion: 0, body } as const;
    const error = await finished(definitions.append(change).catch((thrown: unknown) => thrown));
    expect(error).toBeInstanceOf(UnknownOutcomeError);
    expect(loop.nowMs).toBeGreaterThan(10_000);
  });

  it('shares the question for the end among calls, but never an older answer', async () => {
    const { endsAsked, finished, open } = world();
    const { definitions } = await open();
    const before = endsAsked();
    await finished(Promise.all(Array.from({ length: 100 }, () => definitions.findWorkspace('nobody'))));
    expect(endsAsked() - before).toBe(1);
  });

  it('opens signing secrets, and drops old ones and old tokens at their end', async () => {
    const { finished, open } = world();
    const { definitions } = await open();
    const secretKey = Buffer.alloc(32, 7);
    const tokens = [
      { hash: hashOf('new'), valid_until: null },
      { hash: hashOf('old'), valid_until: 100 },
    ];
    const secrets = [
      { sealed: seal(secretKey, 'sign-new', 's1'), valid_until: null },
      { sealed: seal(secretKey, 'sign-old', 's1'), valid_until: 100 },
    ];
    const body = { event: 'cart_status', store_ids: null, time_zone: 'UTC', verify: 'both', tokens, secrets } as const;
    const change = { entity: 'subscription', workspace: 'acme', id: 's1', expectedVersion: 0, body } as const;
    await finished(definitions.append({ ...change, body: { ...body, tokens, secrets } }));
    const subscription = definitions.subscription('s1');
    expect([99, 100].map((t) => subscription?.acceptsToken('old', t))).toEqual([true, false]);
    expect([subscription?.acceptsToken('new', 100), subscription?.acceptsToken('nix', 99)]).toEqual([true, false]);
    expect(subscription?.signingSecrets(99)).toEqual(['sign-new', 'sign-old']);
    expect(subscription?.signingSecrets(100)).toEqual(['sign-new']);
    expect(subscription?.hasUnreadableSecrets(99)).toBe(false);
  });

  it('continues without signing secrets that cannot be decrypted, and logs that once', async () => {
    const { finished, open } = world();
    const warned: object[] = [];
    const { definitions } = await open((fields) => warned.push(fields));
    const secrets = [
      { sealed: seal(Buffer.alloc(32, 7), 'readable', 's2'), valid_until: null },
      { sealed: seal(Buffer.alloc(32, 8), 'lost', 's2'), valid_until: 100 },
    ];
    const body = { event: 'cart_status', store_ids: null, time_zone: 'UTC', verify: 'both', tokens: [] } as const;
    const change = { entity: 'subscription', workspace: 'acme', id: 's2', expectedVersion: 0 } as const;
    await finished(definitions.append({ ...change, body: { ...body, tokens: [], secrets } }));
    const subscription = definitions.subscription('s2');
    expect(subscription?.signingSecrets(99)).toEqual(['readable']);
    expect([99, 100].map((t) => subscription?.hasUnreadableSecrets(t))).toEqual([true, false]);
    expect(warned).toEqual([{ subscription: 's2', unreadable: 1 }]);
  });
});

describe('seal', () => {
  it('opens under the same key and owner only', () => {
    const key = Buffer.alloc(32, 1);
    const sealed = seal(key, 'text', 'a');
    expect(unseal(key, sealed, 'a')).toBe('text');
    expect(sealed).not.toBe(seal(key, 'text', 'a'));
    expect(() => unseal(key, sealed, 'b')).toThrow();
    expect(() => unseal(Buffer.alloc(32, 2), sealed, 'a')).toThrow();
  });
});

describe('authenticate', () => {
  const secret = newSecret('jt_read');
  const known = {
    role: 'read',
    hash: hashOf(secret),
    id: 'k',
    workspace: 'acme',
    version: 1,
    createdAt: 0,
    updatedAt: 0,
  };
  let misses = 0;
  const definitions = {
    findKey: (presented: string) => {
      misses += 1;
      return Promise.resolve(presented === secret ? (known as never) : undefined);
    },
    findWorkspace: (id: string) => Promise.resolve(id === 'acme' ? ({ ...body, id } as never) : undefined),
  };
  const ask = (headers: Record<string, string>) => authenticate(definitions, 'root', new Headers(headers));

  it('tells a missing or unknown key, another workspace and an unknown workspace apart', async () => {
    await expect(ask({})).rejects.toBeInstanceOf(UnauthenticatedError);
    await expect(ask({ authorization: secret })).rejects.toBeInstanceOf(UnauthenticatedError);
    await expect(ask({ authorization: 'Bearer nope' })).rejects.toBeInstanceOf(UnauthenticatedError);
    expect(misses).toBe(0);
    const unknown = { authorization: `Bearer ${newSecret('jt_read')}` };
    await expect(ask(unknown)).rejects.toBeInstanceOf(UnauthenticatedError);
    const bearer = { authorization: `bearer ${secret}` };
    expect(await ask(bearer)).toEqual({ role: 'read', workspace: 'acme' });
    expect(await ask({ ...bearer, 'x-workspace': 'acme' })).toEqual({ role: 'read', workspace: 'acme' });
    await expect(ask({ ...bearer, 'x-workspace': 'other' })).rejects.toBeInstanceOf(OtherWorkspaceError);
    const admin = { authorization: 'Bearer root' };
    expect(await ask(admin)).toEqual({ role: 'admin', workspace: null });
    expect(await ask({ ...admin, 'x-workspace': 'acme' })).toEqual({ role: 'admin', workspace: 'acme' });
    await expect(ask({ ...admin, 'x-workspace': 'other' })).rejects.toBeInstanceOf(UnknownWorkspaceError);
  });
});
