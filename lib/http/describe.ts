/** What `/openapi.json` says about a route: derived from its definition, so that the two cannot differ. */
import type { RouteConfig } from '@hono/zod-openapi';
import { z } from '@hono/zod-openapi';
import type { Answers, AnyRoute } from './route.ts';

/** The description of 431, which the HTTP server answers before any route. */
export const HEAD_TOO_LARGE = 'the request line and headers are larger than 16 KiB';

export const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(
        z.strictObject({
          path: z.string().describe('a JSON Pointer into the body'),
          message: z.string(),
          position: z.int().optional().describe('where in a text, in UTF-16 code units from 0'),
          expected: z.array(z.string()).optional().describe('what could stand there'),
        }),
      )
      .optional(),
  })
  .openapi('Problem');

/** Every problem that the route can answer, derived from what it asks for. */
function problemsOf(route: AnyRoute): NonNullable<AnyRoute['problems']> {
  const problems: Record<number, string> = {};
  if (route.body) {
    problems[400] = 'the body is not JSON';
    problems[408] = 'the body did not arrive within 30 s';
    problems[413] = 'the body is too large';
  }
  problems[422] = 'the request is not valid; `errors` names each field and what is wrong with it';
  if (route.access) {
    problems[401] = 'the key is missing or unknown';
    problems[403] = 'the role of the key does not allow this, or X-Workspace names another workspace than the key';
    problems[404] = 'X-Workspace names a workspace that does not exist';
    if (route.inWorkspace !== false) {
      const missing = 'an admin key was sent without X-Workspace';
      problems[400] = problems[400] ? `${problems[400]}, or ${missing}` : missing;
    }
  }
  if (route.params) problems[404] = 'not found, or in another workspace';
  problems[431] = HEAD_TOO_LARGE;
  problems[500] = 'internal error';
  problems[503] = 'an engine does not answer, or the workspace has too many concurrent queries; try again';
  return { ...problems, ...route.problems };
}

/** Headers that come with a status on every route. */
const HEADERS: Record<number, Record<string, string>> = {
  401: { 'WWW-Authenticate': 'Bearer' },
  503: { 'Retry-After': 'seconds' },
};

type Responses = RouteConfig['responses'];

const stringHeaders = (headers: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' as const } }]),
  );

const response = (
  description: string,
  types: readonly string[],
  schema?: z.ZodType,
  headers: Record<string, string> = {},
): Responses[string] => ({
  description,
  ...(Object.keys(headers).length > 0 ? { headers: stringHeaders(headers) } : {}),
  ...(schema ? { content: Object.fromEntries(types.map((type) => [type, { schema }])) } : {}),
});

/** Declared answers as the document shows them. */
export const describeAnswers = (answers: Answers): Responses =>
  Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, types, headers }]) => [
      status,
      types === undefined
        ? response(description, ['application/json'], schema, headers)
        : response(description, types, z.string(), headers),
    ]),
  );

function responsesOf(route: AnyRoute): Responses {
  const responses = describeAnswers(route.answers);
  for (const [status, problem] of Object.entries(problemsOf(route))) {
    const { description, schema } =
      typeof problem === 'string' ? { description: problem, schema: problemSchema } : problem;
    responses[status] ??= response(description, ['application/problem+json'], schema, HEADERS[Number(status)]);
  }
  return responses;
}

export function describeRoute(route: AnyRoute): RouteConfig {
  const headers = {
    ...(route.access ? { 'X-Workspace': 'the workspace to act in; required with an admin key' } : {}),
    ...route.headers,
  };
  const named = Object.entries(headers).map(([name, text]) => [name, z.string().optional().describe(text)]);
  return {
    method: route.method,
    path: route.path,
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    tags: [route.tag],
    ...(route.access ? { security: [{ key: [] }] } : {}),
    request: {
      ...(named.length > 0 ? { headers: z.object(Object.fromEntries(named) as z.ZodRawShape) } : {}),
      ...(route.params ? { params: route.params as z.ZodObject } : {}),
      ...(route.query ? { query: route.query as z.ZodObject } : {}),
      ...(route.body
        ? { body: { required: !route.bodyOptional, content: { 'application/json': { schema: route.body } } } }
        : {}),
    },
    responses: responsesOf(route),
  };
}
