/** States that earlier versions of the program wrote, with what they stand for. */
import { readFileSync } from 'node:fs';
import type { CartEvent, CartSnapshot, TraitChange } from '../../../schemas/types.ts';
import { cartEvent } from './events.ts';

export interface Stored {
  /** Hex. */
  state: string;
  /** In order of arrival, repeats too; only fields that differ from those of `cartEvent`. */
  deliveries: { logTime: number; event: { occurred_at: number; event_key: string } }[];
  /** What stood then; and once everything due was concluded. */
  traits: TraitChange[];
  traitsAtRest: TraitChange[];
  snapshot: CartSnapshot;
  due: number | null;
}

export const readStored = (version: number): Stored[] =>
  JSON.parse(readFileSync(new URL(`./version-${version}.json`, import.meta.url), 'utf8')) as Stored[];

export const eventOf = ({ event }: Stored['deliveries'][number]): CartEvent =>
  cartEvent({ ...event, event_key: Buffer.from(event.event_key, 'hex') });
export const stateOf = ({ state }: Stored): Buffer => Buffer.from(state, 'hex');
