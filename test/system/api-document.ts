/** Holds answers to the served OpenAPI document: the status has to be named in it, the body of its shape. */

type Json = unknown;
interface Schema {
  [key: string]: Json;
}
interface Operation {
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
  requestBody?: Json;
}
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

export interface Checked {
  status: number;
  headers: Headers;
  body: Json;
  /** `GET /v1/carts/{id} 200`, as the document names it. */
  place: string;
}

/** Everything that is wrong with a value, as far as the keywords go that this product's documents use. */
export function offences(doc: OpenApi, schema: Schema, value: Json, at = ''): string[] {
  if (typeof schema['$ref'] === 'string') {
    const name = schema['$ref'].split('/').pop() ?? '';
    const target = doc.components.schemas[name];
    return target ? offences(doc, target, value, at) : [`${at}: the document lacks ${name}`];
  }
  const any = (schema['anyOf'] ?? schema['oneOf']) as Schema[] | undefined;
  if (any) {
    return any.some((one) => offences(doc, one, value, at).length === 0) ? [] : [`${at}: fits none of its kinds`];
  }
  const all = (schema['allOf'] as Schema[] | undefined)?.flatMap((one) => offences(doc, one, value, at)) ?? [];
  return [...all, ...ofType(schema, value, at), ...ofMembers(doc, schema, value, at)];
}

function ofType(schema: Schema, value: Json, at: string): string[] {
  const found = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  const wanted = schema['type'] === undefined ? [] : [schema['type']].flat();
  const fits = wanted.some((type) => type === found || (type === 'integer' && Number.isInteger(value)));
  if (wanted.length > 0 && !fits) return [`${at}: is ${found}, not ${wanted.join(' or ')}`];
  const values = schema['enum'] as Json[] | undefined;
  if (values && !values.includes(value)) return [`${at}: is ${JSON.stringify(value)}, none of ${values.join(', ')}`];
  const instant = schema['format'] === 'date-time' && typeof value === 'string';
  if (instant && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return [`${at}: ${value} is no instant`];
  return [];
}

function ofMembers(doc: OpenApi, schema: Schema, value: Json, at: string): string[] {
  if (Array.isArray(value)) {
    const items = schema['items'] as Schema | undefined;
    return items ? value.flatMap((item, i) => offences(doc, items, item, `${at}/${i}`)) : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
  const rest = schema['additionalProperties'];
  const missing = ((schema['required'] ?? []) as string[]).filter((key) => !(key in value));
  return [
    ...missing.map((key) => `${at}/${key}: is missing`),
    ...Object.entries(value).flatMap(([key, member]) => {
      const known = properties[key] ?? (typeof rest === 'object' ? (rest as Schema) : undefined);
      if (known) return offences(doc, known, member, `${at}/${key}`);
      return rest === false ? [`${at}/${key}: is in no document`] : [];
    }),
  ];
}

/** The path of the document that a request went to: exact ones before those with parameters. */
function templateOf(doc: OpenApi, path: string): string | undefined {
  const pattern = (template: string): RegExp => new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`);
  return path in doc.paths ? path : Object.keys(doc.paths).find((template) => pattern(template).test(path));
}

/** Throws an Error that says how an answer differs from the document. */
export function checkAnswer(
  doc: OpenApi,
  method: string,
  path: string,
  answer: { status: number; headers: Headers; body: Json },
): Checked {
  const template = templateOf(doc, path.split('?')[0] ?? path);
  const operation = template === undefined ? undefined : doc.paths[template]?.[method.toLowerCase()];
  if (!operation || template === undefined) throw new Error(`${method} ${path} is not in the document`);
  const place = `${method} ${template} ${answer.status}`;
  const documented = operation.responses[String(answer.status)];
  if (!documented) throw new Error(`${place} is not in the document: ${JSON.stringify(answer.body)}`);
  const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
  if (documented.content) {
    const media = documented.content[type];
    if (!media) throw new Error(`${place} came as "${type}", not ${Object.keys(documented.content).join(', ')}`);
    const wrong = offences(doc, media.schema, answer.body);
    if (wrong.length > 0) throw new Error(`${place}: ${wrong.join('; ')} in ${JSON.stringify(answer.body)}`);
  } else if (answer.body !== '' && answer.body !== undefined) {
    throw new Error(`${place} has a body and should have none`);
  }
  return { ...answer, place };
}
