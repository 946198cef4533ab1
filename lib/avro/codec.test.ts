import { describe, expect, it } from 'vitest';
import { SCHEMAS } from '../../schemas/documents.ts';
import { generateDocuments } from '../../scripts/generate-types.ts';
import { readFileSync } from 'node:fs';
import type { Definition } from '../../schemas/types.ts';
import { TOPICS } from '../topics.ts';
import { UndecodableError, UnknownSchemaError, createCodec } from './codec.ts';
import { localCodec } from './testing.ts';

const V1 = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'string' }] };
const V2 = {
  type: 'record',
  name: 'R',
  fields: [
    { name: 'a', type: 'string' },
    { name: 'b', type: ['null', 'long'], default: null },
  ],
};
const nobody = () => Promise.reject(new Error('not asked for'));

describe('codec', () => {
  it('writes the wire format and reads it back', () => {
    const codec = createCodec<{ a: string }>(V1, 258, nobody);
    const buf = codec.encode({ a: 'x' });
    expect([...buf]).toEqual([0, 0, 0, 1, 2, 2, 120]);
    expect(codec.decode(buf)).toEqual({ a: 'x' });
  });

  it('keeps records apart that are encoded one after another, also larger than the scratch space', () => {
    const codec = createCodec<{ a: string }>(V1, 1, nobody);
    const values = ['a', 'b'.repeat(300_000), 'c'];
    const bufs = values.map((a) => codec.encode({ a }));
    expect(bufs.map((b) => codec.decode(b).a)).toEqual(values);
  });

  it('reads what an older schema wrote, once that is loaded', async () => {
    const asked: number[] = [];
    const old = createCodec<{ a: string }>(V1, 1, nobody);
    const now = createCodec<{ a: string; b: number | null }>(V2, 2, (id) => {
      asked.push(id);
      return Promise.resolve(V1 as never);
    });
    const buf = old.encode({ a: 'x' });
    expect(() => now.decode(buf)).toThrow(UnknownSchemaError);
    await now.load([buf, buf, now.encode({ a: 'y', b: 1 })]);
    expect(now.decode(buf)).toEqual({ a: 'x', b: null });
    expect(asked).toEqual([1]);
  });

  it('lets the error itself load what is missing', async () => {
    const old = createCodec<{ a: string }>(V1, 1, nobody);
    const now = createCodec<{ a: string; b: number | null }>(V2, 2, () => Promise.resolve(V1 as never));
    const buf = old.encode({ a: 'x' });
    try {
      now.decode(buf);
      expect.unreachable();
    } catch (error) {
      await (error as UnknownSchemaError).load();
    }
    expect(now.decode(buf)).toEqual({ a: 'x', b: null });
  });

  it('refuses what is no record', () => {
    const codec = createCodec<{ a: string }>(V1, 1, nobody);
    const buf = codec.encode({ a: 'xyz' });
    expect(() => codec.decode(Buffer.from('{"a":1}'))).toThrow(UndecodableError);
    expect(() => codec.decode(Buffer.alloc(3))).toThrow(UndecodableError);
    expect(() => codec.decode(buf.subarray(0, buf.length - 1))).toThrow(UndecodableError);
    expect(() => codec.decode(Buffer.concat([buf, buf]))).toThrow(UndecodableError);
  });

  it('carries every topic of the project, with unwrapped unions and plain numbers', () => {
    const value: Definition = {
      record_id: 'r',
      entity: 'workspace',
      workspace: 'w',
      id: 'w',
      expected_version: 0,
      deleted: false,
      body: '{}',
      at: 1_760_000_000_000,
    };
    const codec = localCodec<Definition>(TOPICS.definitions);
    expect({ ...codec.decode(codec.encode(value)) }).toEqual(value);
    for (const topic of Object.values(TOPICS)) expect(localCodec(topic).schemaId).toBe(1);
  });

  it('has the schemas of the folder', () => {
    expect(readFileSync('schemas/documents.ts', 'utf8')).toBe(generateDocuments('schemas'));
    expect(Object.keys(SCHEMAS).sort()).toEqual(Object.values(TOPICS).sort());
  });
});
