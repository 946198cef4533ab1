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
export const NO_CART = {
  person_id: 0,
  status: null,
  status_since: null,
  store_id: null,
  mode: null,
  amount: null,
  created_at: null,
  last_activity_at: null,
  due_at: null,
  abandoned_at: null,
  recovered_at: null,
  reservation_start_at: null,
  store_name: null,
  products: [],
  last_event_at: null,
  first_status_at: null,
  statuses: [],
} as const;

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
