import { z } from '@hono/zod-openapi';
import { inWords, parseText, renderText, TEXT_MAX } from '../../../lib/audiences/text/index.ts';
import { addRoute, invalid } from '../../../lib/http/index.ts';
import { QUESTION_MAX_BYTES } from '../audience-question.ts';
import { audienceSchema } from '../audience-schema.ts';
import type { Routes } from '../deps.ts';

const common = {
  method: 'post',
  tag: 'audiences',
  access: 'read',
  inWorkspace: false,
  bodyMaxBytes: QUESTION_MAX_BYTES,
} as const;

/** Audiences as text. Neither route needs a workspace. */
export const audienceTextRoutes: Routes = (app) => {
  addRoute(app, {
    ...common,
    path: '/v1/audiences/parse',
    summary: 'Parse an audience in the text language',
    description: `Texts of up to ${TEXT_MAX} characters. A 422 has the path /text for each error in the text, with \`position\` and \`expected\`.`,
    body: z.strictObject({ text: z.string() }),
    answers: { 200: { description: 'the audience', schema: z.strictObject({ audience: audienceSchema }) } },
  }).handle(({ body }) => {
    const { audience, errors } = parseText(body.text);
    if (errors) throw invalid(errors.map((error) => ({ path: '/text', ...error })));
    return { status: 200, body: { audience } };
  });

  addRoute(app, {
    ...common,
    path: '/v1/audiences/render',
    summary: 'Render an audience as text and as a sentence',
    body: z.strictObject({ audience: audienceSchema }),
    answers: {
      200: {
        description: 'the audience in both forms',
        schema: z.strictObject({
          text: z.string().describe('the canonical form in the text language'),
          words: z.string().describe('a plain English sentence'),
        }),
      },
    },
  }).handle(({ body: { audience } }) => ({
    status: 200,
    body: { text: renderText(audience), words: inWords(audience) },
  }));
};
