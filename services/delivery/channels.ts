import { codeOf, type Definitions } from '../../lib/definitions/index.ts';
import type { FlowChannel } from '../../schemas/types.ts';
import { TEST_PROVIDER, type Channel, type Provider } from './channel.ts';
import type { SenderDeps } from './sender.ts';

/** The providers by name. */
const PROVIDERS: Record<'test', Provider> = { test: TEST_PROVIDER };

/** The channels and code pools of workspaces, as they are defined now. */
export function workspaceChannels(
  definitions: Pick<Definitions, 'get' | 'list' | 'fresh'>,
  secretKey: Buffer,
): Pick<SenderDeps, 'channelOf' | 'codeOf'> {
  return {
    channelOf(workspace: string, channel: FlowChannel): Channel {
      const settings = definitions.get('channel', `${workspace}:${channel}`);
      return {
        provider: PROVIDERS[settings?.provider ?? 'test'],
        ratePerSecond: settings?.rate_per_second ?? null,
        // The request id lets the receiver of a webhook recognise a repeated call.
        retriesUnknown: channel === 'webhook' || settings?.on_unknown === 'retry',
      };
    },
    async codeOf(workspace, name, index) {
      const find = (): string | undefined => codeOf(definitions, secretKey, { workspace, name, index });
      // The flow may have read of new codes earlier than this process.
      return find() ?? (await definitions.fresh(), find()) ?? null;
    },
  };
}
