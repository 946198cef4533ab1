/**
 * Every version of a topic's schema that was ever published stays in schemas/history/<topic>/v<n>.avsc. Records that
 * any of them wrote may still be in a topic, so the current schema must be able to read them all. This is what the
 * registry requires (BACKWARD_TRANSITIVE), and logical types must not change either.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import avsc from 'avsc';

export interface Version {
  number: number;
  path: string;
  schema: unknown;
}

export interface TopicHistory {
  topic: string;
  /** The schema of today, schemas/<topic>.avsc. */
  path: string;
  schema: unknown;
  /** What was published, oldest first. */
  versions: Version[];
}

const readSchema = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8')) as unknown;

/** Any difference except in white space is a new version, including a change of documentation. */
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** All topics of a folder of schemas, with what was published of each. Throws when a file of the history has a wrong name or a version is missing. */
export function readHistory(folder: string): TopicHistory[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.avsc'))
    .sort()
    .map((file) => {
      const topic = file.slice(0, -'.avsc'.length);
      const path = join(folder, file);
      return { topic, path, schema: readSchema(path), versions: versionsOf(join(folder, 'history', topic)) };
    });
}

function versionsOf(folder: string): Version[] {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const versions = files.map((file) => {
    const number = /^v([1-9]\d*)\.avsc$/.exec(file)?.[1];
    if (number === undefined) throw new Error(`${join(folder, file)}: versions are named v1.avsc, v2.avsc …`);
    return { number: Number(number), path: join(folder, file), schema: readSchema(join(folder, file)) };
  });
  versions.sort((a, b) => a.number - b.number);
  for (const [i, { number }] of versions.entries()) {
    if (number !== i + 1)
      throw new Error(`${join(folder, `v${i + 1}.avsc`)} is missing: versions are kept permanently`);
  }
  return versions;
}

/** Why the current schema cannot read records of earlier versions; empty if it can. */
export function incompatibilities({ path, schema, versions }: TopicHistory): string[] {
  let reader: avsc.Type;
  try {
    // Checks the schema itself too, such as that each default fits its type.
    reader = parse(schema);
  } catch (error) {
    return [`${path} is not a valid schema: ${messageOf(error)}`];
  }
  return versions.flatMap((version) => {
    const problem = problemOf(reader, version, schema);
    return problem === undefined ? [] : [`${path} cannot read records written with ${version.path}: ${problem}`];
  });
}

function problemOf(reader: avsc.Type, { schema }: Version, current: unknown): string | undefined {
  const writer = parse(schema);
  try {
    reader.createResolver(writer);
  } catch (error) {
    return `${messageOf(error)} (a new field needs a default; types, symbols and names must not change)`;
  }
  const then = logicalTypesOf(schema);
  for (const [place, logicalType] of logicalTypesOf(current)) {
    // The bytes would still be readable, but with another meaning: Avro's schema resolution does not detect that.
    const before = then.get(place);
    if (before !== undefined && before !== logicalType) {
      return `${place} was ${before || 'a plain number'} and is ${logicalType || 'a plain number'}`;
    }
  }
  return undefined;
}

function parse(schema: unknown): avsc.Type {
  return avsc.Type.forSchema(schema as avsc.Schema, { registry: {}, logicalTypes: {} });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

type Node = string | Node[] | { [attribute: string]: unknown };

/** The logical type of every number in a schema by its place ("TraitEvent.occurred_at"), '' if it has none. */
function logicalTypesOf(schema: unknown): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (node: Node, place: string): void => {
    if (Array.isArray(node)) {
      for (const branch of node) visit(branch, place);
    } else if (node === 'long' || node === 'int') {
      found.set(place, '');
    } else if (typeof node === 'object') {
      const { type, name, items, values, fields, logicalType } = node as Record<string, Node>;
      if (type === 'long' || type === 'int') found.set(place, typeof logicalType === 'string' ? logicalType : '');
      else if (typeof type === 'object') visit(type, place);
      if (items !== undefined) visit(items, `${place}[]`);
      if (values !== undefined) visit(values, `${place}{}`);
      for (const field of (fields ?? []) as { name: string; type: Node }[]) {
        visit(field.type, `${String(name)}.${field.name}`);
      }
    }
  };
  visit(schema as Node, '');
  return found;
}

/** What to do about a schema that is not the last one published; undefined when it is. */
export function unpublished({ path, schema, versions }: TopicHistory): string | undefined {
  const last = versions.at(-1);
  if (last !== undefined && same(last.schema, schema)) return undefined;
  const than = last === undefined ? 'was never published' : `differs from the last published version, ${last.path}`;
  return `${path} ${than}: when the schema is final, run "npm run generate -- --publish" and commit schemas/history with it`;
}

/**
 * Adds a version for each schema that has changed, and returns their paths. Throws, having written nothing, when
 * one of them cannot read what an earlier version wrote.
 */
export function publish(folder: string): string[] {
  const histories = readHistory(folder);
  const problems = histories.flatMap(incompatibilities);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return histories
    .filter((history) => unpublished(history) !== undefined)
    .map(({ topic, path, versions }) => {
      const target = join(folder, 'history', topic, `v${versions.length + 1}.avsc`);
      mkdirSync(join(folder, 'history', topic), { recursive: true });
      writeFileSync(target, readFileSync(path));
      return target;
    });
}
