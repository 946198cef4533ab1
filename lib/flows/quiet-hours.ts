/** When marketing messages may be sent: inside the hours of the setting in every zone in which the person may be. */
import type { FlowChannel } from '../../schemas/types.ts';
import { isTimeZone, offsetPieceAt } from '../time/index.ts';
import { zonesOfPhone } from './area-codes.ts';
import { DAY_MS, minutesOf, MINUTE_MS } from './times.ts';

export interface QuietHoursSetting {
  /** HH:MM, the first minute in which messages may be sent. */
  from: string;
  /** HH:MM, the first minute in which they may not. Not later than `from`: over midnight. */
  to: string;
  channels: readonly string[];
}

export const DEFAULT_QUIET_HOURS: QuietHoursSetting = { from: '08:00', to: '21:00', channels: ['sms'] };

/** A message that would be held longer is skipped. */
export const HOLD_MAX_MS = 8 * DAY_MS;

export interface Recipient {
  /** The person's own zone; it stands alone. */
  timeZone: string | null;
  /** As it is stored: perhaps no zone. */
  workspaceZone: string;
  channel: FlowChannel;
  address: string | null;
}

export function candidateZones({ timeZone, workspaceZone, channel, address }: Recipient): string[] {
  if (timeZone !== null) return [timeZone];
  const ofPhone = channel === 'sms' && address !== null ? zonesOfPhone(address) : [];
  return [...new Set([workspaceZone, ...ofPhone])];
}

/**
 * The first instant, not before now, that is inside the hours in every zone, Unix ms; null if there is none within eight
 * days, or one of the zones is not known. Hours are those of the wall clock: what it skips is not there, what it shows twice
 * is there twice.
 */
export function nextAllowed(nowMs: number, { from, to }: QuietHoursSetting, zones: readonly string[]): number | null {
  if (!zones.every(isTimeZone)) return null;
  const hours = { fromMs: minutesOf(from) * MINUTE_MS, toMs: minutesOf(to) * MINUTE_MS };
  let at = nowMs;
  let agreed = 0;
  for (let i = 0; agreed < zones.length; i = (i + 1) % zones.length) {
    const next = nextInZone(at, hours, zones[i]!);
    agreed = next === at ? agreed + 1 : 1;
    at = next;
    if (at - nowMs > HOLD_MAX_MS) return null;
  }
  return at;
}

function nextInZone(nowMs: number, { fromMs, toMs }: { fromMs: number; toMs: number }, zone: string): number {
  for (let at = nowMs; ;) {
    const { offsetMs, untilMs } = offsetPieceAt(at, zone);
    const timeOfDay = (((at + offsetMs) % DAY_MS) + DAY_MS) % DAY_MS;
    const isInside = fromMs < toMs ? timeOfDay >= fromMs && timeOfDay < toMs : timeOfDay >= fromMs || timeOfDay < toMs;
    if (isInside) return at;
    // The wall clock jumps at `untilMs`, perhaps into the hours.
    at = Math.min(at + ((fromMs - timeOfDay + DAY_MS) % DAY_MS), untilMs);
  }
}
