/** The schemas of today against every version that was ever published. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import avsc from 'avsc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TOPICS } from '../lib/topics.ts';
import { incompatibilities, publish, readHistory, unpublished, type TopicHistory } from '../scripts/schemas/history.ts';

const topics = readHistory('schemas');

describe.each(topics)('$topic', (history) => {
  it('reads what every published version wrote', () => {
    expect(incompatibilities(history)).toEqual([]);
    const options = { registry: {}, logicalTypes: {} };
    for (const { schema } of history.versions) {
      const writer = avsc.Type.forSchema(schema as avsc.Schema, { ...options, registry: {} });
      const reader = avsc.Type.forSchema(history.schema as avsc.Schema, { ...options, registry: {} });
      const resolver = reader.createResolver(writer);
      for (let i = 0; i < 50; i++) {
        const read: unknown = reader.fromBuffer(writer.toBuffer(writer.random()), resolver);
        expect(reader.isValid(read)).toBe(true);
      }
    }
  });

  it('is published', () => {
    expect(unpublished(history)).toBeUndefined();
  });
});

it('has a history for every topic, and for nothing else', () => {
  expect(readdirSync('schemas/history').sort()).toEqual(Object.values(TOPICS).sort());
  expect(topics.map(({ topic }) => topic)).toEqual(Object.values(TOPICS).sort());
});

interface Field {
  name: string;
  type: unknown;
  default?: unknown;
}
interface Record {
  name: string;
  fields: Field[];
}

const SAMPLE = {
  type: 'record',
  name: 'Sample',
  namespace: 'jane_traits',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['a', 'b'] } },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
  ],
};

describe('a change', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jane-traits-schemas-'));
    mkdirSync(join(folder, 'history', 'sample'), { recursive: true });
    for (const path of ['sample.avsc', 'history/sample/v1.avsc']) {
      writeFileSync(join(folder, path), JSON.stringify(SAMPLE));
    }
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const path = (): string => join(folder, 'sample.avsc');
  function change(edit: (schema: Record) => void): void {
    const schema = JSON.parse(readFileSync(path(), 'utf8')) as Record;
    edit(schema);
    writeFileSync(path(), JSON.stringify(schema));
  }
  const found = (): TopicHistory => {
    const [history] = readHistory(folder);
    if (history === undefined) throw new Error('no schema');
    return history;
  };
  const addNote = ({ fields }: Record): unknown =>
    fields.push({ name: 'added', type: ['null', 'string'], default: null });
  const field = ({ fields }: Record, name: string): Field => {
    const one = fields.find((candidate) => candidate.name === name);
    if (one === undefined) throw new Error(`no field ${name}`);
    return one;
  };

  it.each<[string, (schema: Record) => void, RegExp]>([
    ['adds a field without a default', ({ fields }) => fields.push({ name: 'added', type: 'string' }), /added/],
    [
      'gives a default that does not fit',
      ({ fields }) => fields.push({ name: 'added', type: ['null', 'string'], default: 'x' }),
      /not a valid schema.*default/,
    ],
    [
      'takes null away',
      (schema) => {
        field(schema, 'note').type = 'string';
        delete field(schema, 'note').default;
      },
      /null.*string|string.*null/,
    ],
    ['renames a field', (schema) => (field(schema, 'id').name = 'identity'), /identity/],
    ['changes a type', (schema) => (field(schema, 'id').type = 'int'), /int.*string|string.*int/],
    [
      'takes a symbol away',
      (schema) => (field(schema, 'kind').type = { type: 'enum', name: 'Kind', symbols: ['a'] }),
      /Kind|enum/,
    ],
    ['renames the record', (schema) => (schema.name = 'Other'), /Sample/],
    [
      'makes milliseconds into microseconds',
      (schema) => (field(schema, 'at').type = { type: 'long', logicalType: 'timestamp-micros' }),
      /Sample\.at was timestamp-millis and is timestamp-micros/,
    ],
  ])('that %s is refused, by the test and by publishing', (_, edit, message) => {
    change(edit);
    const problems = incompatibilities(found());
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
    expect(() => publish(folder)).toThrow(message);
    expect(readdirSync(join(folder, 'history', 'sample'))).toEqual(['v1.avsc']);
  });

  it('that is compatible asks to be published, once, and then is the next version', () => {
    change(addNote);
    expect(incompatibilities(found())).toEqual([]);
    expect(unpublished(found())).toMatch(
      /sample\.avsc differs from the last published version, .*v1\.avsc: .*npm run generate -- --publish/,
    );
    expect(publish(folder)).toEqual([join(folder, 'history', 'sample', 'v2.avsc')]);
    expect(unpublished(found())).toBeUndefined();
    expect(publish(folder)).toEqual([]);
  });

  it('is held to the oldest version too, not only to the last', () => {
    change(addNote);
    publish(folder);
    // v2 has the field, v1 has not: without its default only v2 can be read.
    change((schema) => delete field(schema, 'added').default);
    expect(incompatibilities(found())).toEqual([expect.stringContaining('v1.avsc')]);
  });

  it('of the history itself is seen: versions have no holes and no other names', () => {
    writeFileSync(join(folder, 'history', 'sample', 'v3.avsc'), '{"type":"string"}');
    expect(() => readHistory(folder)).toThrow(/v2\.avsc is missing/);
    rmSync(join(folder, 'history', 'sample', 'v3.avsc'));
    writeFileSync(join(folder, 'history', 'sample', 'latest.avsc'), '{"type":"string"}');
    expect(() => readHistory(folder)).toThrow(/latest\.avsc: versions are named/);
  });

  it('of the layout alone is none', () => {
    change(() => undefined);
    expect(unpublished(found())).toBeUndefined();
  });
});
