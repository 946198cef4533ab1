import { describe, expect, it } from 'vitest';
import type { Definition } from '../../schemas/types.ts';
import { localCodec } from '../avro/testing.ts';
import { systemClock, type Clock } from '../clock/index.ts';
import type { Reader } from '../kafka/types.ts';
import {
  authenticate,
  ConflictError,
  createDefinitions,
  DefinitionsFold,
  hashOf,
  newSecret,
  seal,
  unseal,
} from './index.ts';
import type { DefinitionsOptions, WorkspaceBody } from './index.ts';

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
});

/** A log of one partition in memory, with the part of Kafka's port that definitions use, and a way to delay the reader. */
class MemoryLog {
  records: Buffer[] = [];
  held = false;
  asked = 0;

  kafka(): DefinitionsOptions['kafka'] {
    return {
      ensureTopics: () => Promise.resolve(),
      beginningOffsets: () => Promise.resolve([0]),
      endOffsets: () => {
        this.asked += 1;
        return Promise.resolve([this.records.length]);
      },
      createReader: () => this.reader(),
      createProducer: () => ({
        send: (sent) => {
          for (const one of Array.isArray(sent) ? sent : [sent]) this.records.push(one.value as Buffer);
          return Promise.resolve();
        },
        queuedBytes: 0,
        close: () => Promise.resolve(),
      }),
    };
  }

  private reader(): Reader {
    const unused = (): void => undefined;
    let position = 0;
    return {
      assign: ([at]) => {
        position = at?.offset ?? 0;
      },
      poll: async () => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        if (this.held || position >= this.records.length) return [];
        const records = this.records
          .slice(position)
          .map((value, i) => ({ offset: position + i, value, key: null, headers: {}, timestampMs: 0 }));
        position = this.records.length;
        const common = { topic: 'definitions', partition: 0, highWatermark: position, lastStableOffset: position };
        return [{ ...common, records, nextOffset: position }];
      },
      seek: unused,
      remove: unused,
      pause: unused,
      resume: unused,
      close: () => Promise.resolve(),
    };
  }
}

const fixedWall: Clock = { ...systemClock, wallMs: () => 5000 };

const open = (log: MemoryLog, warn: (fields: object) => void = () => undefined) =>
  createDefinitions({
    kafka: log.kafka(),
    registry: { codec: (topic) => Promise.resolve(localCodec(topic)) },
    logger: { warn },
    secretKey: Buffer.alloc(32, 7),
    clock: fixedWall,
  });

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
    const log = new MemoryLog();
    const [one, two] = await Promise.all([open(log), open(log)]);
    const change = { entity: 'workspace', workspace: 'acme', id: 'acme', expectedVersion: 0, body } as const;
    const results = await Promise.allSettled([one.append(change), two.append({ ...change })]);
    expect(results.map((r) => r.status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = results.find((r) => r.status === 'rejected');
    expect(lost?.reason).toBeInstanceOf(ConflictError);
    expect(one.workspace('acme')).toMatchObject({ version: 1, name: 'Acme', createdAt: 5000 });
    await expect(one.append({ ...change, expectedVersion: 4 })).rejects.toMatchObject({ status: 409 });
    expect(log.records).toHaveLength(2);
    await Promise.all([one.stop(), two.stop()]);
  });

  it('reads to the end on a miss, so that what another process wrote is known at once', async () => {
    const log = new MemoryLog();
    const [one, two] = await Promise.all([open(log), open(log)]);
    log.held = true;
    setTimeout(() => (log.held = false), 50);
    const written = one.append({ entity: 'workspace', workspace: 'w', id: 'w', expectedVersion: 0, body });
    expect(two.workspace('w')).toBeUndefined();
    expect(await two.findWorkspace('w')).toMatchObject({ id: 'w' });
    await written;
    log.held = true;
    setTimeout(() => (log.held = false), 50);
    const key = { role: 'read', hash: hashOf('secret') } as const;
    const made = one.append({ entity: 'key', workspace: 'w', id: 'k', expectedVersion: 0, body: key });
    expect(two.get('key', 'k')).toBeUndefined();
    expect(await two.find('key', 'k')).toMatchObject({ id: 'k', role: 'read' });
    await made;
    await Promise.all([one.stop(), two.stop()]);
  });

  it('shares the question for the end among calls, but never an older answer', async () => {
    const log = new MemoryLog();
    const definitions = await open(log);
    const before = log.asked;
    await Promise.all(Array.from({ length: 100 }, () => definitions.findWorkspace('nobody')));
    expect(log.asked - before).toBeLessThanOrEqual(2);
    await definitions.stop();
  });

  it('opens signing secrets, and drops old ones and old tokens at their end', async () => {
    const log = new MemoryLog();
    const definitions = await open(log);
    const secretKey = Buffer.alloc(32, 7);
    await definitions.append({
      entity: 'subscription',
      workspace: 'acme',
      id: 's1',
      expectedVersion: 0,
      body: {
        event: 'cart_status',
        store_ids: null,
        time_zone: 'UTC',
        verify: 'both',
        tokens: [
          { hash: hashOf('new'), valid_until: null },
          { hash: hashOf('old'), valid_until: 100 },
        ],
        secrets: [
          { sealed: seal(secretKey, 'sign-new', 's1'), valid_until: null },
          { sealed: seal(secretKey, 'sign-old', 's1'), valid_until: 100 },
        ],
      },
    });
    const subscription = definitions.subscription('s1');
    expect([99, 100].map((t) => subscription?.acceptsToken('old', t))).toEqual([true, false]);
    expect([subscription?.acceptsToken('new', 100), subscription?.acceptsToken('nix', 99)]).toEqual([true, false]);
    expect(subscription?.signingSecrets(99)).toEqual(['sign-new', 'sign-old']);
    expect(subscription?.signingSecrets(100)).toEqual(['sign-new']);
    expect(subscription?.hasUnreadableSecrets(99)).toBe(false);
    await definitions.stop();
  });

  it('continues without signing secrets that cannot be decrypted, and logs that once', async () => {
    const log = new MemoryLog();
    const warned: object[] = [];
    const definitions = await open(log, (fields) => warned.push(fields));
    const secrets = [
      { sealed: seal(Buffer.alloc(32, 7), 'readable', 's2'), valid_until: null },
      { sealed: seal(Buffer.alloc(32, 8), 'lost', 's2'), valid_until: 100 },
    ];
    const body = { event: 'cart_status', store_ids: null, time_zone: 'UTC', verify: 'both', tokens: [] } as const;
    const change = { entity: 'subscription', workspace: 'acme', id: 's2', expectedVersion: 0 } as const;
    await definitions.append({ ...change, body: { ...body, tokens: [], secrets } });
    const subscription = definitions.subscription('s2');
    expect(subscription?.signingSecrets(99)).toEqual(['readable']);
    expect([99, 100].map((t) => subscription?.hasUnreadableSecrets(t))).toEqual([true, false]);
    expect(warned).toEqual([{ subscription: 's2', unreadable: 1 }]);
    await definitions.stop();
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

  it('tells 401, 403 and 404 apart', async () => {
    await expect(ask({})).rejects.toMatchObject({ status: 401 });
    await expect(ask({ authorization: secret })).rejects.toMatchObject({ status: 401 });
    await expect(ask({ authorization: 'Bearer nope' })).rejects.toMatchObject({ status: 401 });
    expect(misses).toBe(0);
    await expect(ask({ authorization: `Bearer ${newSecret('jt_read')}` })).rejects.toMatchObject({ status: 401 });
    const bearer = { authorization: `bearer ${secret}` };
    expect(await ask(bearer)).toEqual({ role: 'read', workspace: 'acme' });
    expect(await ask({ ...bearer, 'x-workspace': 'acme' })).toEqual({ role: 'read', workspace: 'acme' });
    await expect(ask({ ...bearer, 'x-workspace': 'other' })).rejects.toMatchObject({ status: 403 });
    const admin = { authorization: 'Bearer root' };
    expect(await ask(admin)).toEqual({ role: 'admin', workspace: null });
    expect(await ask({ ...admin, 'x-workspace': 'acme' })).toEqual({ role: 'admin', workspace: 'acme' });
    await expect(ask({ ...admin, 'x-workspace': 'other' })).rejects.toMatchObject({ status: 404 });
  });
});
