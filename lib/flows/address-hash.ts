import { hash } from 'node:crypto';
import type { FlowChannel } from '../../schemas/types.ts';

/**
 * Names an address without showing it: 32 hex digits, the first half of a SHA-256.
 * @param address a phone number in the format E.164, or an email address in lower case
 */
export const addressHash = (channel: FlowChannel, address: string): string =>
  hash('sha256', `${channel}:${address}`, 'hex').slice(0, 32);
