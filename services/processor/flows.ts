import type { FlowEvent, FlowInput, SendRequest } from '../../schemas/types.ts';
import type { Codec } from '../../lib/avro/index.ts';
import {
  fireFlowDue,
  FlowCache,
  flowDueOf,
  foldFlowInput,
  SCANNED,
  type FlowEffects,
  type FlowTools,
} from '../../lib/flows/index.ts';
import type { Context, Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';

export interface FlowsCodecs {
  flowInputs: Codec<FlowInput>;
  flowEvents: Codec<FlowEvent>;
  sendRequests: Codec<SendRequest>;
}

export interface FlowsOptions {
  /** How long a cart is remembered after its last record. */
  horizonMs: number;
}

/**
 * Decides what the flows of workspaces do: reads everything that determines it, and emits steps of runs, messages to send
 * and questions to ask. Timers, questions and messages rest in the state until their time, answer or outcome comes.
 */
export function flowsTopology(codecs: FlowsCodecs, { horizonMs }: FlowsOptions): Topology<FlowInput> {
  const tools: FlowTools = { cache: new FlowCache(), horizonMs };
  const forwardAll = ({ events, requests }: FlowEffects, { forward }: Context): void => {
    for (const event of events) forward(TOPICS.flowEvents, event.workspace, codecs.flowEvents.encode(event));
    for (const request of requests)
      forward(TOPICS.sendRequests, request.workspace, codecs.sendRequests.encode(request));
  };
  return {
    name: 'flows',
    input: {
      topic: TOPICS.flowInputs,
      decode: (value) => codecs.flowInputs.decode(value),
      clock: ({ log_time, received_at }) =>
        log_time === null ? { producerClockMs: received_at } : { causeMs: log_time },
    },
    outputs: [TOPICS.flowEvents, TOPICS.sendRequests],
    state: { dueOf: flowDueOf, scanned: SCANNED },
    tick: { encode: (nowMs) => ({ key: '', value: codecs.flowInputs.encode(flowTick(nowMs)) }) },
    process({ value }, context) {
      forwardAll(foldFlowInput(context.store, value, context, tools), context);
    },
    onDue(key, context) {
      forwardAll(fireFlowDue(context.store, key, context, tools), context);
    },
  };
}

/** Says what time it is, and nothing about any flow. */
export function flowTick(nowMs: number): FlowInput {
  return {
    kind: 'tick',
    workspace: '',
    log_time: null,
    received_at: nowMs,
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
}
