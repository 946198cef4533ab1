import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_QUIET_HOURS, type FlowStateBody } from '../../lib/definitions/entities.ts';
import { DefinitionsFold } from '../../lib/definitions/index.ts';
import { TestDriver } from '../../lib/streams/test-driver.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Definition, Outcome, PersonInput } from '../../schemas/types.ts';
import { codecs, people, relay } from './testing.ts';

const T0 = Date.UTC(2026, 2, 17, 12);

const rules = (limit: number): string => JSON.stringify({ limit, allow: [], deny: [{ kind: 'phone', value: '+1' }] });

const change = (more: Partial<Definition> = {}): Definition => ({
  record_id: 'r',
  entity: 'link_rules',
  workspace: 'acme',
  id: 'acme',
  expected_version: 0,
  deleted: false,
  body: rules(25),
  at: T0,
  ...more,
});

function pipe(driver: TestDriver<Definition>, records: readonly Definition[], firstOffset = 0): void {
  records.forEach((record, i) => {
    driver.pipe(`${record.entity}:${record.id}`, codecs.definitions.encode(record), {
      appendTimeMs: T0 + firstOffset + i,
    });
  });
}

const forwarded = (driver: TestDriver<Definition>): PersonInput[] =>
  driver.outputs(TOPICS.personInputs).map(({ value }) => codecs.personInputs.decode(value));

/** Records of two workspaces with versions that often conflict. */
const records = fc.array(
  fc
    .record({
      entity: fc.constantFrom('link_rules', 'link_rules', 'key', 'audience'),
      workspace: fc.constantFrom('acme', 'other'),
      expected_version: fc.integer({ min: 0, max: 4 }),
      deleted: fc.constantFrom(false, false, false, true),
      body: fc.oneof(fc.integer({ min: 1, max: 100 }).map(rules), fc.constantFrom('', '[]', 'null')),
    })
    .map((more) => change({ ...more, id: more.workspace } as Partial<Definition>)),
  { maxLength: 30 },
);

describe('topology relay', () => {
  it('forwards changes of link rules in their order, each with its offset as number', () => {
    const driver = new TestDriver(relay());
    const other = { workspace: 'other', id: 'other' };
    pipe(driver, [
      change({ entity: 'key', body: '{"role":"read"}' }),
      change({ at: T0 - 1000 }),
      change({ ...other, body: rules(7) }),
      change({ expected_version: 1, body: rules(30) }),
    ]);
    expect(driver.outputs(TOPICS.personInputs).map(({ key }) => key)).toEqual(['acme', 'other', 'acme']);
    expect(forwarded(driver)).toMatchObject([
      {
        kind: 'link_rules',
        workspace: 'acme',
        log_time: T0 + 1,
        received_at: T0 - 1000,
        link_rules: { limit: 25, allow: [], deny: [{ kind: 'phone', value: '+1' }], number: 1 },
      },
      { workspace: 'other', link_rules: { limit: 7, number: 2 } },
      { workspace: 'acme', link_rules: { limit: 30, number: 3 } },
    ]);
  });

  it('forwards the default rules when those of a workspace are deleted', () => {
    const driver = new TestDriver(relay());
    pipe(driver, [change({ body: rules(3) }), change({ expected_version: 1, deleted: true, body: '' })]);
    expect(forwarded(driver)[1]).toMatchObject({ link_rules: { limit: 25, allow: [], deny: [], number: 1 } });
  });

  it('refuses the losers of concurrent writes like every reader of definitions', () => {
    fc.assert(
      fc.property(records, (all) => {
        const fold = new DefinitionsFold();
        const expected = all.flatMap((record, offset) =>
          fold.apply(record) === 'accepted' && record.entity === 'link_rules' ? [offset] : [],
        );
        const driver = new TestDriver(relay());
        pipe(driver, all);
        expect(forwarded(driver).map((input) => input.link_rules?.number)).toEqual(expected);
      }),
    );
  });

  it('continues after a restart as if nothing had happened', () => {
    fc.assert(
      fc.property(records, fc.nat(), (all, at) => {
        const cut = all.length === 0 ? 0 : at % all.length;
        const whole = new TestDriver(relay());
        pipe(whole, all);
        const before = new TestDriver(relay());
        pipe(before, all.slice(0, cut));
        const after = new TestDriver(relay());
        after.restore(before.snapshot());
        pipe(after, all.slice(cut), cut);
        const both = [...before.outputs(TOPICS.personInputs), ...after.outputs(TOPICS.personInputs)];
        expect(both).toEqual(whole.outputs(TOPICS.personInputs));
        expect(after.state()).toEqual(whole.state());
      }),
    );
  });

  it('repeats its output byte for byte in a rebuild', () => {
    const driver = new TestDriver(relay());
    const all = [change(), change({ body: rules(9) }), change({ expected_version: 1, body: rules(50) })];
    pipe(driver, all);
    const first = driver.outputs(TOPICS.personInputs);
    driver.reset();
    pipe(driver, all);
    expect(driver.outputs(TOPICS.personInputs)).toEqual(first);
    expect(forwarded(driver).map((input) => input.link_rules?.number)).toEqual([0, 2]);
  });
});

describe('what flows depend on', () => {
  const flow = { name: 'Recovery', triggers: [], start: 'a', nodes: {} };
  const settings = { name: 'Acme', time_zone: 'UTC', frequency_cap: null, quiet_hours: DEFAULT_QUIET_HOURS };
  const state = (expected_version: number, body: Omit<FlowStateBody, 'published_at'>): Definition =>
    change({ entity: 'flow_state', id: 'f', expected_version, body: JSON.stringify({ ...body, published_at: null }) });

  it('is forwarded with the offset of each change: settings, code pools, commands', () => {
    const driver = new TestDriver(relay());
    const workspace = { name: 'Acme', time_zone: 'America/New_York', grace_seconds: 60 };
    const capped = {
      ...workspace,
      frequency_cap: { count: 2, per: { amount: 1, unit: 'days' } },
      quiet_hours: { from: '09:00', to: '20:00', channels: ['sms', 'email'] },
    };
    const batch = { name: 'ten', batch: 1, first: 100, count: 20, sealed: 'x' };
    pipe(driver, [
      change({ entity: 'workspace', body: JSON.stringify(workspace) }),
      change({ entity: 'workspace', expected_version: 1, body: JSON.stringify(capped) }),
      change({ entity: 'code_pool', id: 'acme:ten:1', body: JSON.stringify(batch) }),
      change({ entity: 'flow', id: 'f', body: JSON.stringify({ flow }) }),
      state(0, { state: 'live', live_version: 3, command: { what: 'publish', runs: 'move', flow, settings } }),
      state(1, { state: 'paused', live_version: 3, command: { what: 'pause' } }),
      state(1, { state: 'archived', live_version: 3, command: { what: 'archive' } }),
      state(2, { state: 'archived', live_version: 3, command: { what: 'archive' } }),
    ]);
    const plain = { flow_id: 'f', version: 3, definition: null, runs: 'finish', run_id: null };
    expect(forwarded(driver)).toMatchObject([
      { kind: 'settings', settings: { number: 0, ...settings, time_zone: 'America/New_York' } },
      {
        kind: 'settings',
        settings: {
          number: 1,
          frequency_cap: { count: 2, amount: 1, unit: 'days' },
          quiet_hours: { from: '09:00', to: '20:00', channels: ['sms', 'email'] },
        },
      },
      { kind: 'code_pool', code_pool: { number: 2, name: 'ten', total: 120 } },
      {
        kind: 'command',
        command: { ...plain, number: 4, what: 'publish', runs: 'move', definition: JSON.stringify(flow) },
        settings: { number: 4, ...settings },
      },
      { kind: 'command', command: { ...plain, number: 5, what: 'pause' }, settings: null },
      { kind: 'command', command: { ...plain, number: 7, what: 'archive' } },
    ]);
  });

  it('has no commands to a flow that was never published', () => {
    const driver = new TestDriver(relay());
    pipe(driver, [state(0, { state: 'archived', live_version: null, command: { what: 'archive' } })]);
    expect(forwarded(driver)).toEqual([]);
  });
});

describe('link rules on their way', () => {
  const kay = (email: string): PersonInput => ({
    kind: 'record',
    workspace: 'acme',
    log_time: null,
    received_at: T0,
    cart: null,
    record: {
      occurred_at: T0,
      identifiers: [
        { kind: 'phone', value: '+18085550143' },
        { kind: 'email', value: email },
      ],
      name: null,
      time_zone: null,
      sms_consent: null,
      email_consent: null,
    },
    erasure: null,
    link_rules: null,
    command: null,
    settings: null,
    code_pool: null,
  });

  /** People with an address, in the order of addresses. */
  function peopleOf(driver: TestDriver<PersonInput>): number[] {
    const merged = new Map<number, number>();
    const byEmail = new Map<string, number>();
    for (const { value } of driver.outputs(TOPICS.traitEvents)) {
      const { merge, person }: Outcome = codecs.traitEvents.decode(value);
      if (merge) merged.set(merge.loser, merge.winner);
      for (const { kind, value: email } of person?.identifiers ?? []) {
        if (kind === 'email') byEmail.set(email, person?.person_id ?? 0);
      }
    }
    return [...byEmail].sort().map(([, id]) => merged.get(id) ?? id);
  }

  it('part people and join them again, and a rebuild of the relay changes nothing', () => {
    const log = new TestDriver(people());
    const driver = new TestDriver(relay());
    let taken = 0;
    const forward = (...all: Definition[]): void => {
      pipe(driver, all, driver.nextOffset);
      const outputs = driver.outputs(TOPICS.personInputs);
      for (const { key, value } of outputs.slice(taken)) log.pipe(key, value, { appendTimeMs: T0 });
      taken = outputs.length;
    };
    const changes = [
      change({ body: JSON.stringify({ limit: 1, allow: [], deny: [] }) }),
      change({ expected_version: 1, body: JSON.stringify({ limit: 25, allow: [], deny: [] }) }),
    ] as const;
    for (const email of ['a@x.io', 'b@x.io']) log.pipe('acme', kay(email), { appendTimeMs: T0 });
    expect(new Set(peopleOf(log)).size).toBe(1);
    forward(changes[0]);
    expect(new Set(peopleOf(log)).size).toBe(2);
    forward(changes[1]);
    expect(new Set(peopleOf(log)).size).toBe(1);
    const before = log.outputs(TOPICS.traitEvents).length;
    driver.reset();
    taken = 0;
    forward(...changes);
    expect(log.outputs(TOPICS.traitEvents)).toHaveLength(before);
  });
});
