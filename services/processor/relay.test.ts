import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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
      entity: fc.constantFrom('link_rules', 'link_rules', 'workspace', 'audience'),
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
      change({ entity: 'workspace', body: '{"name":"Acme"}' }),
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
