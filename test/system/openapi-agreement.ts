/** Holds answers to a served OpenAPI document: status, content type, headers, and the body by its JSON schema. */
import Ajv, { type ValidateFunction } from 'ajv';

interface Response {
  content?: Record<string, object>;
  headers?: object;
}
export interface OpenApi {
  paths: Record<string, Record<string, { responses: Record<string, Response>; requestBody?: unknown }>>;
}

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed, of JSON; '' or undefined if there is no body. */
  body: unknown;
}

export interface Agreement {
  /** Of all that the document names, as `GET /v1/carts/{id} 200`. */
  places: string[];
  /** The place of an answer, and how it differs from what the document says there. */
  check(method: string, path: string, answer: Answer): { place: string; wrong: string[] };
  /** Whether the document has this route. */
  has(method: string, path: string): boolean;
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const pointer = (...path: string[]): string =>
  path.map((part) => `/${encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

export function agreementWith(document: OpenApi): Agreement {
  // Not strict: the document has words of its own among those of JSON Schema, as `example`.
  const ajv = new Ajv({ strict: false, allErrors: true, validateSchema: false, formats: { 'date-time': INSTANT } });
  ajv.addSchema(document, 'document');
  const compiled = new Map<string, ValidateFunction>();
  const validator = (at: string): ValidateFunction => {
    const known = compiled.get(at) ?? ajv.compile({ $ref: `document#${at}` });
    compiled.set(at, known);
    return known;
  };
  const { paths } = document;
  /** The path as the document names it: exact ones before those with parameters. */
  const templateOf = (path: string): string => {
    const bare = path.split('?')[0] ?? '';
    const fits = (template: string): boolean =>
      new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(bare);
    return bare in paths ? bare : (Object.keys(paths).find(fits) ?? bare);
  };
  const wrongWith = (template: string, method: string, { status, headers, body }: Answer): string[] => {
    const response = paths[template]?.[method]?.responses[status];
    if (!response) return ['is not in the document'];
    const lacking = Object.keys(response.headers ?? {}).filter((name) => !headers.has(name));
    const wrong = lacking.map((name) => `has no header ${name}`);
    if (!response.content) return body === '' || body === undefined ? wrong : [...wrong, 'has a body'];
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    if (!(type in response.content)) return [...wrong, `is of type "${type}"`];
    const validate = validator(
      pointer('paths', template, method, 'responses', String(status), 'content', type, 'schema'),
    );
    if (validate(body)) return wrong;
    return [...wrong, ...(validate.errors ?? []).map(({ dataPath, message }) => `${dataPath} ${message ?? ''}`)];
  };
  return {
    places: Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
      ),
    ),
    has: (method, path) => paths[templateOf(path)]?.[method.toLowerCase()] !== undefined,
    check: (method, path, answer) => {
      const template = templateOf(path);
      return {
        place: `${method} ${template} ${answer.status}`,
        wrong: wrongWith(template, method.toLowerCase(), answer),
      };
    },
  };
}
