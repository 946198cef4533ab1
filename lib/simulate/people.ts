import type { Random } from './random.ts';
import type { CartPlan } from './story.ts';
import type { Shopper } from './world.ts';

/** A line of `POST /v1/people`: what a shopper agreed to, once. */
export interface PersonLine {
  occurred_at: string;
  phone?: string;
  email?: string;
  name: string;
  consent: { sms?: Consent; email?: Consent };
}

type Consent = 'opted_in' | 'opted_out';

const DAY_MS = 86_400_000;

/**
 * The consents of those whose carts came by `endsAtMs`, given in the months before. A line has one identifier,
 * and only one that a cart has shown: it makes no person and joins none.
 */
export function consentsOf(random: Random, plans: readonly CartPlan[], endsAtMs: number): PersonLine[] {
  const shown = new Map<Shopper, { phone: boolean; email: boolean }>();
  for (const { shopper, steps } of plans) {
    const known = shown.get(shopper) ?? { phone: false, email: false };
    for (const step of steps.filter(({ atMs, delayMs }) => atMs + delayMs <= endsAtMs)) {
      known.phone ||= step.face === 'phone' || step.face === 'both';
      known.email ||= step.face === 'email' || step.face === 'both';
    }
    shown.set(shopper, known);
  }
  const lines: PersonLine[] = [];
  for (const [{ name, phone, email }, known] of shown) {
    const occurred_at = new Date(endsAtMs - Math.round(random.between(2, 200) * DAY_MS)).toISOString();
    const wants = (yes: number): Consent => (random.chance(yes) ? 'opted_in' : 'opted_out');
    if (known.phone && random.chance(0.75)) lines.push({ occurred_at, phone, name, consent: { sms: wants(0.85) } });
    if (known.email && random.chance(0.4)) lines.push({ occurred_at, email, name, consent: { email: wants(0.8) } });
  }
  return lines;
}
