import { BLANK_SNAPSHOT } from '../../lib/carts/index.ts';

/** Columns of rows that only hide an earlier row: nothing but their key and version matters. */

/** A trait event under a person who no longer has it. */
export const NO_CONTENT = { store_id: null, mode: null, amount: null, products: [] } as const;

/** A person who was merged into another one, or erased. */
export const NO_PROFILE = {
  anonymous: true,
  name: null,
  time_zone: null,
  first_at: 0,
  last_at: 0,
  phones: [],
  phone_consents: [],
  emails: [],
  email_consents: [],
  user_ids: [],
  externals: [],
  reachable_sms: false,
  reachable_email: false,
  sms_consent: null,
  email_consent: null,
} as const;

/** An erased cart. No person has the id 0. */
export const NO_CART = { ...BLANK_SNAPSHOT, person_id: 0, products: [] } as const;

/** An erased trait event. */
export const NO_TRAIT_EVENT = {
  ...NO_CONTENT,
  source: null,
  previous_status: null,
  reentered: false,
  anomaly: null,
  recovered_at: null,
  beyond_horizon: false,
  replaces: null,
  last_activity_at: null,
} as const;
