import { z } from '@hono/zod-openapi';
import type { Definitions, Folded, LinkRulesBody } from '../../../lib/definitions/index.ts';
import { addRoute, invalid, pointer, type ProblemItem } from '../../../lib/http/index.ts';
import { DEFAULT_RULES } from '../../../lib/people/index.ts';
import { externalOf, identifierList, identifiersOf, type RawIdentifiers } from '../../../lib/people/identifiers.ts';
import { showInstant } from '../../../lib/time/index.ts';
import type { Identifier } from '../../../schemas/types.ts';
import type { Routes } from '../deps.ts';
import { instant, wholeNumber } from '../schemas.ts';
import { etagHeader, etagOf, expectedVersion, ifMatchHeader, onCurrentVersion } from '../versions.ts';

const LISTED_MAX = 1_000;
const BODY_MAX_BYTES = 1024 * 1024;
const KINDS = ['user_id', 'external', 'phone', 'email'] as const;

const kind = z.enum(KINDS);
const source = z.string().max(1000).describe('the source of an external id; the empty source if left out');

const given = z.union([z.string().max(1000), z.int()]);

/** As in the answer, or as in a line of /v1/people. */
const listed = z
  .union([
    z.strictObject({ kind, value: given, source: source.optional() }),
    z.strictObject({ user_id: given }),
    z.strictObject({ external_user_id: given, external_user_source: source.optional() }),
    z.strictObject({ phone: given }),
    z.strictObject({ email: given }),
  ])
  .openapi('GivenIdentifier');
type Listed = z.output<typeof listed>;

export const identifierSchema = z
  .strictObject({ kind, value: z.string(), source: source.optional() })
  .openapi('LinkIdentifier');

const limit = wholeNumber(1, 100).describe('an identifier seen with more values of one other kind is junk');
const allow = 'identifiers that are never junk';
const deny = 'identifiers that are always junk, also when they are allowed';

const request = z.strictObject({
  limit: limit.default(DEFAULT_RULES.limit),
  allow: z.array(listed).max(LISTED_MAX).default([]).describe(allow),
  deny: z.array(listed).max(LISTED_MAX).default([]).describe(deny),
});

const rulesSchema = z
  .strictObject({
    limit,
    allow: z.array(identifierSchema).describe(allow),
    deny: z.array(identifierSchema).describe(deny),
    version: z.int().describe('for If-Match; 0 while the workspace has never changed its rules'),
    created_at: instant.nullable(),
    updated_at: instant.nullable(),
  })
  .openapi('LinkRules');

type Stored = Folded<'link_rules'>;

export function showIdentifier({ kind, value }: Identifier): z.output<typeof identifierSchema> {
  if (kind !== 'external') return { kind, value };
  const external = externalOf(value);
  return { kind, value: external.id, source: external.source };
}

const show = (stored: Stored | undefined): z.output<typeof rulesSchema> => ({
  limit: stored?.limit ?? DEFAULT_RULES.limit,
  allow: (stored?.allow ?? []).map(showIdentifier),
  deny: (stored?.deny ?? []).map(showIdentifier),
  version: stored?.version ?? 0,
  created_at: stored ? showInstant(stored.createdAt) : null,
  updated_at: stored ? showInstant(stored.updatedAt) : null,
});

const rulesOf = (definitions: Definitions, workspace: string): Promise<Stored | undefined> =>
  definitions.find('link_rules', workspace);

/** The fields of a cart that hold the identifier. */
function rawOf(given: Listed): RawIdentifiers {
  if (!('kind' in given)) {
    if (!('external_user_id' in given)) return given;
    return { external_id: given.external_user_id, external_source: given.external_user_source };
  }
  const { kind, value, source } = given;
  return kind === 'external' ? { external_id: value, external_source: source } : { [kind]: value };
}

/** Identifiers as they are compared with those of carts, each once; an issue for each value that is not an identifier. */
function normalise(all: readonly Listed[], list: string, country: string, issues: ProblemItem[]): Identifier[] {
  const byName = new Map<string, Identifier>();
  all.forEach((given, i) => {
    if ('kind' in given && given.kind !== 'external' && given.source !== undefined) {
      issues.push({ path: pointer([list, i, 'source']), message: 'only external ids have a source' });
      return;
    }
    const [identifier] = identifierList(identifiersOf(rawOf(given), country));
    if (identifier !== undefined) byName.set(`${identifier.kind}:${identifier.value}`, identifier);
    else {
      const field = 'kind' in given ? 'value' : (Object.keys(given)[0] ?? '');
      issues.push({ path: pointer([list, i, field]), message: 'is not a valid identifier of this kind' });
    }
  });
  return [...byName.values()];
}

const common = { tag: 'people', path: '/v1/link-rules' } as const;

const get: Routes = (app, { definitions }) => {
  addRoute(app, {
    ...common,
    method: 'get',
    summary: 'Rules for linking people',
    access: 'read',
    answers: { 200: { description: 'the rules', schema: rulesSchema, headers: etagHeader } },
  }).handle(async ({ workspace }) => {
    const rules = show(await rulesOf(definitions, workspace));
    return { status: 200, body: rules, headers: etagOf(rules.version) };
  });
};

const put: Routes = (app, { definitions }) => {
  addRoute(app, {
    ...common,
    method: 'put',
    summary: 'Change the rules for linking people',
    description:
      'Replaces all rules. They also apply to what was received before: people are merged and split within seconds. ' +
      'Identifiers are normalised like those of carts; phone numbers use the default country of the workspace.',
    access: 'write',
    headers: ifMatchHeader,
    body: request,
    bodyMaxBytes: BODY_MAX_BYTES,
    answers: { 200: { description: 'the rules', schema: rulesSchema, headers: etagHeader } },
    problems: { 409: 'a concurrent change was made: If-Match does not name the current version' },
  }).handle(async ({ c, body, workspace }) => {
    const country = (await definitions.findWorkspace(workspace))?.default_country ?? 'US';
    const issues: ProblemItem[] = [];
    const rules: LinkRulesBody = {
      limit: body.limit,
      allow: normalise(body.allow, 'allow', country, issues),
      deny: normalise(body.deny, 'deny', country, issues),
    };
    if (issues.length > 0) throw invalid(issues);
    const after = await onCurrentVersion(c, async () => {
      const version = (await rulesOf(definitions, workspace))?.version ?? 0;
      return definitions.append({
        entity: 'link_rules',
        workspace,
        id: workspace,
        expectedVersion: expectedVersion(c, version),
        body: rules,
      });
    });
    if (!after) throw new Error('link rules were written but cannot be found');
    return { status: 200, body: show(after), headers: etagOf(after.version) };
  });
};

export const linkRulesRoutes: Routes = (app, deps) => {
  for (const add of [get, put]) add(app, deps);
};
