import { z } from 'zod';

/** Holds answers to what a served OpenAPI document says of them. */

interface Schema {
  [key: string]: unknown;
}
interface Document {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: Schema }>; headers?: object }> }>
  >;
  components?: { schemas?: Record<string, Schema> };
}
export interface SeenAnswer {
  method: string;
  /** With what the client put into it. */
  path: string;
  status: number;
  type: string | null;
  headers: Headers;
  body: unknown;
}

/** What each answer does that the document does not say; routes that are in no document are left out. */
export function disagreements(document: unknown, answers: readonly SeenAnswer[]): string[] {
  const { paths, components } = document as Document;
  const found = new Set<string>();
  for (const { method, path, status, type, headers, body } of answers) {
    const bare = path.split('?')[0]!;
    const template = Object.keys(paths).find((one) =>
      new RegExp(`^${one.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(bare),
    );
    const operation = template === undefined ? undefined : paths[template]![method.toLowerCase()];
    if (operation === undefined) continue;
    const name = `${method} ${template} ${status}`;
    const response = operation.responses[status];
    if (response === undefined) {
      found.add(`${name}: not in the document`);
      continue;
    }
    const media = response.content?.[type?.split(';')[0] ?? ''];
    if (media === undefined) found.add(`${name}: ${type} is not in the document`);
    else {
      const checked = z.fromJSONSchema(inlined(media.schema, components?.schemas ?? {})).safeParse(body);
      if (!checked.success) found.add(`${name}: ${z.prettifyError(checked.error)}`);
    }
    for (const header of Object.keys(response.headers ?? {}))
      if (!headers.has(header)) found.add(`${name}: no ${header}`);
  }
  return [...found];
}

/** The schema with what it refers to in its place. */
function inlined<T>(schema: T, schemas: Record<string, Schema>): T {
  if (Array.isArray(schema)) return schema.map((one: unknown) => inlined(one, schemas)) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const reference = (schema as Schema)['$ref'];
  if (typeof reference === 'string') return inlined(schemas[reference.split('/').at(-1)!] as T, schemas);
  return Object.fromEntries(Object.entries(schema).map(([key, member]) => [key, inlined(member, schemas)])) as T;
}
