import type {
  FlowChange,
  FlowChanges,
  FlowCommand,
  FlowInput,
  FlowProfile,
  FlowSettings,
  MessageOutcome,
  SendRequest,
  StandingCart,
} from '../../../schemas/types.ts';
import type { FlowCase } from './cases.ts';

const NOTHING = {
  changes: null,
  profile: null,
  merge: null,
  parting: null,
  erasure: null,
  command: null,
  settings: null,
  code_pool: null,
  suppression: null,
  answer: null,
  outcome: null,
  settled: null,
};

/** A record of flow-inputs at a log time, Unix ms. The kind is the member that is given. */
export function flowInput(at: number, body: Partial<Omit<FlowInput, 'kind'>>, workspace = 'w'): FlowInput {
  const [kind = 'tick'] = Object.keys(body) as (keyof typeof NOTHING)[];
  return { kind, workspace: kind === 'tick' ? '' : workspace, log_time: at, received_at: at, ...NOTHING, ...body };
}

export const STANDING: StandingCart = {
  status: null,
  had: [],
  store_id: null,
  store_name: null,
  mode: null,
  amount: null,
  products: null,
  last_activity_at: null,
  due_at: null,
  reservation_start_at: null,
};

export const flowChange = (change: Partial<FlowChange> & Pick<FlowChange, 'op' | 'event_id'>): FlowChange => ({
  trait: 'cart_status_updated',
  status: '',
  occurred_at: 0,
  replaces: null,
  last_activity_at: null,
  anomaly: null,
  reentered: false,
  store_id: null,
  mode: null,
  amount: null,
  products: null,
  ...change,
});

export const flowChanges = (
  changes: Partial<FlowChanges> & Pick<FlowChanges, 'cart_id' | 'person_id'>,
): FlowChanges => ({
  part: 0,
  parts: 1,
  changes: [],
  cart: STANDING,
  phone: null,
  email: null,
  ...changes,
});

export const flowCommand = (command: Partial<FlowCommand> & Pick<FlowCommand, 'number' | 'what'>): FlowCommand => ({
  flow_id: 'f',
  version: 0,
  definition: null,
  runs: 'finish',
  run_id: null,
  ...command,
});

export const flowSettings = (settings: Partial<FlowSettings>): FlowSettings => ({
  number: 0,
  name: 'Green Leaf',
  time_zone: 'America/New_York',
  frequency_cap: null,
  quiet_hours: null,
  ...settings,
});

export const settingsOf = (
  number: number,
  zone: string,
  { frequency_cap: cap, quiet_hours }: Pick<FlowCase, 'frequency_cap' | 'quiet_hours'>,
): Partial<FlowInput> => ({
  settings: flowSettings({
    number,
    time_zone: zone,
    frequency_cap: cap === undefined ? null : { count: cap.count, ...cap.per },
    quiet_hours: quiet_hours ?? null,
  }),
});

export function flowProfile(profile: Partial<FlowProfile> & Pick<FlowProfile, 'person_id'>): FlowProfile {
  const phones = profile.phones ?? [];
  const emails = profile.emails ?? [];
  const anonymous = phones.length === 0 && emails.length === 0;
  return { anonymous, name: null, time_zone: null, ...profile, phones, emails };
}

/** The answer to a question. */
export function flowAnswer({ question }: SendRequest, yes: boolean): Partial<FlowInput> {
  const { question_id, flow_id, run_id } = question!;
  return { answer: { question_id, flow_id, run_id, yes } };
}

/** The outcome of a message, as `sent`, `failed permanently` or `skipped` with its reason. */
export function flowOutcome({ message }: SendRequest, text: string): Partial<FlowInput> {
  const { request_id, flow_id, run_id, node, address } = message!;
  const [what = '', reason] = text.split(' ');
  const permanent = reason === 'permanently';
  return {
    outcome: {
      request_id,
      flow_id,
      run_id,
      node,
      what: what as MessageOutcome,
      reason: permanent ? null : (reason ?? null),
      permanent,
      address,
      text: null,
    },
  };
}
