import { z } from '@hono/zod-openapi';
import type { ChannelBody, ChannelName, Definitions, Folded } from '../../../lib/definitions/index.ts';
import { addRoute, HttpProblem } from '../../../lib/http/index.ts';
import { showInstantOrNull } from '../../../lib/time/index.ts';
import type { Routes } from '../deps.ts';
import { instant } from '../schemas.ts';
import { etagHeader, etagOf, expectedVersion, ifMatchHeader, onCurrentVersion } from '../versions.ts';

const CHANNELS = ['sms', 'email', 'webhook'] as const satisfies readonly ChannelName[];
/** Providers of the contract that cannot be set yet. */
const LATER = ['smtp', 'http', 'twilio'];

const rate = z.int().min(1).max(10_000).nullable().describe('messages per second; null: no limit');
const onUnknown = z
  .enum(['retry'])
  .nullable()
  .describe(
    'retry: send again when it is unknown whether the provider took the message; null: only webhooks are sent again',
  );

/** The provider is checked by the handler, and a provider of later versions may have further fields. */
const request = z.looseObject({
  provider: z.string().max(100),
  rate_per_second: rate.optional(),
  on_unknown: onUnknown.optional(),
});

const testRequest = z.strictObject({
  provider: z.literal('test', 'must be test, smtp, http or twilio'),
  rate_per_second: rate.default(null),
  on_unknown: onUnknown.default(null),
});

const channelSchema = z
  .strictObject({
    channel: z.enum(CHANNELS),
    provider: z.literal('test').describe('test: messages are kept and shown, and none leaves the installation'),
    rate_per_second: rate,
    on_unknown: onUnknown,
    version: z.int().describe('for If-Match; 0 while the channel was never set'),
    updated_at: instant.nullable(),
  })
  .openapi('Channel');

const params = z.strictObject({ channel: z.enum(CHANNELS) });
const DEFAULT: ChannelBody = { provider: 'test', rate_per_second: null, on_unknown: null };

const idOf = (workspace: string, channel: ChannelName): string => `${workspace}:${channel}`;

const channelOf = (
  definitions: Definitions,
  workspace: string,
  channel: ChannelName,
): Promise<Folded<'channel'> | undefined> => definitions.find('channel', idOf(workspace, channel));

function show(channel: ChannelName, stored: Folded<'channel'> | undefined): z.output<typeof channelSchema> {
  const { provider, rate_per_second, on_unknown } = stored ?? DEFAULT;
  const version = stored?.version ?? 0;
  return {
    channel,
    provider,
    rate_per_second,
    on_unknown,
    version,
    updated_at: showInstantOrNull(stored?.updatedAt ?? null),
  };
}

const common = { tag: 'flows', path: '/v1/channels/{channel}', params } as const;
const answers = { 200: { description: 'the channel', schema: channelSchema, headers: etagHeader } };

/** How messages are sent. */
export const channelRoutes: Routes = (app, { definitions }) => {
  addRoute(app, {
    ...common,
    method: 'get',
    summary: 'How messages of a channel are sent',
    access: 'read',
    answers,
  }).handle(async ({ params: { channel }, workspace }) => {
    const shown = show(channel, await channelOf(definitions, workspace, channel));
    return { status: 200, body: shown, headers: etagOf(shown.version) };
  });

  addRoute(app, {
    ...common,
    method: 'put',
    summary: 'Set how messages of a channel are sent',
    description: 'The only provider so far is "test", which keeps and shows messages. Nothing leaves the installation.',
    access: 'write',
    headers: ifMatchHeader,
    body: request,
    answers,
    problems: {
      409: 'a concurrent change was made: If-Match does not name the current version',
      501: 'the provider cannot be used yet',
    },
  }).handle(async ({ c, params: { channel }, body, workspace }) => {
    if (LATER.includes(body.provider)) {
      throw new HttpProblem(
        501,
        `the provider "${body.provider}" is not built yet; the provider "test" keeps and shows messages`,
      );
    }
    const settings = testRequest.parse(body);
    const after = await onCurrentVersion(c, async () => {
      const version = (await channelOf(definitions, workspace, channel))?.version ?? 0;
      return definitions.append({
        entity: 'channel',
        workspace,
        id: idOf(workspace, channel),
        expectedVersion: expectedVersion(c, version),
        body: settings,
      });
    });
    const shown = show(channel, after);
    return { status: 200, body: shown, headers: etagOf(shown.version) };
  });
};
