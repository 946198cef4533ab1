import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DefinitionsFold } from '../../lib/definitions/index.ts';
import { TestDriver } from '../../lib/streams/test-driver.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Definition, PersonInput } from '../../schemas/types.ts';
import { codecs, relay } from './testing.ts';

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
