import type { Logger } from 'pino';
import { Backoff, type Clock } from '../../lib/clock/index.ts';
import { addressHash } from '../../lib/flows/address-hash.ts';
import { TemplateError, type Renderer } from '../../lib/rendering/index.ts';
import type { MessageContent } from '../../lib/templates/index.ts';
import type { FlowChannel, FlowRevocation } from '../../schemas/types.ts';
import type { CallResult, Channel } from './channel.ts';
import { contextOf, targetOf, templateOf } from './content.ts';
import {
  afterCall,
  decide,
  FAILED_CODE,
  FAILED_TEMPLATE,
  INTERRUPTED,
  type Decision,
  type Outcome,
} from './message.ts';
import type { DeliveryMetrics } from './metrics.ts';
import { RateLimit } from './rate-limit.ts';
import type { DeliveryState, Message } from './state.ts';

export interface SenderDeps {
  partition: number;
  state: DeliveryState;
  renderer: Renderer;
  /** The channel of a workspace, as it is set now. */
  channelOf(workspace: string, channel: FlowChannel): Channel;
  /** A code of a pool by its place; null if there is none. Rejects when definitions cannot be read. */
  codeOf(workspace: string, pool: string, index: number): Promise<string | null>;
  /** The group has confirmed that the partition is this process's. */
  isOwner(): boolean;
  clock: Clock;
  logger: Logger;
  metrics: DeliveryMetrics;
  /** Aborted when the task ends. */
  signal: AbortSignal;
  /** Something is to be committed, or may begin. */
  wake(): void;
}

type StateOfCall = Extract<Message['state'], { content: MessageContent }>;

/** Messages that are rendered, intended or called at a time. */
const ACTIVE_MAX = 256;
const PAUSES = { firstMs: 1_000, maxMs: 60_000 };
const RENDER_RETRY_MS = 1_000;
/** How soon a message is checked again while the group has not confirmed that this process owns the partition. */
const CONFIRM_POLL_MS = 100;

/** Takes messages from their request to their outcome. */
export class Sender {
  /** Messages that are rendered, intended or called, by request id. */
  private readonly active = new Map<string, Message>();
  /** Messages whose intent is written, and that are called once it is durable. */
  private intended: Message[] = [];
  private readonly calls = new Set<Promise<void>>();
  private readonly limits = new Map<string, { perSecond: number; limit: RateLimit }>();

  constructor(private readonly deps: SenderDeps) {}

  /** The calls that had begun, or may have, when the former process ended: nobody knows their result. */
  recover(interrupted: readonly Message[]): void {
    for (const message of interrupted) this.finish(message, INTERRUPTED);
  }

  /** A flow has revoked a request: unless its call has begun, it ends. A call that has begun is the last one. */
  revoke(workspace: string, revocation: FlowRevocation): void {
    const { state, clock } = this.deps;
    const { request_id, reason } = revocation;
    const message = state.messages.get(request_id);
    if (message === undefined) state.revokeDone(workspace, revocation, clock.wallMs());
    else if (message.state.name === 'called') state.revokeCalled(message, reason);
    else this.look(message, reason);
  }

  /** What is due waits until another message is done. */
  get isFull(): boolean {
    return this.active.size >= ACTIVE_MAX;
  }

  /** Begins to render what is due, as far as there is room. */
  prepare(): void {
    const { state, clock } = this.deps;
    while (!this.isFull) {
      const due = state.takeDue(clock.wallMs(), ACTIVE_MAX - this.active.size);
      if (due.length === 0) return;
      for (const message of due) {
        const seen = this.look(message);
        if (seen === 'end') continue;
        const waitMs = seen === 'leave' ? CONFIRM_POLL_MS : this.rateWaitMs(message);
        if (waitMs > 0) state.postpone(message, clock.wallMs() + waitMs);
        else {
          this.active.set(message.request.request_id, message);
          void this.render(message);
        }
      }
    }
  }

  /** How long the channel's rate makes the message wait, in ms. */
  private rateWaitMs({ workspace, request: { channel } }: Message): number {
    const { channelOf, clock } = this.deps;
    const { ratePerSecond: perSecond } = channelOf(workspace, channel);
    if (perSecond === null) return 0;
    const key = `${workspace}:${channel}`;
    let known = this.limits.get(key);
    if (known?.perSecond !== perSecond) {
      known = { perSecond, limit: new RateLimit(perSecond) };
      this.limits.set(key, known);
    }
    return known.limit.take(clock.elapsedMs());
  }

  /** Renders a message and writes the intent to call. Never rejects. */
  private async render(message: Message): Promise<void> {
    const { renderer, state, clock, logger, partition, wake, signal } = this.deps;
    const { request } = message;
    const id = request.request_id;
    try {
      const code = await this.codeFor(message);
      // It may have been revoked meanwhile.
      if (signal.aborted || !this.isOpen(message)) return;
      if (code === undefined) return this.endActive(message, FAILED_CODE, null);
      const content = await renderer.render({ template: templateOf(request), context: contextOf(request, code) });
      if (signal.aborted || !this.isOpen(message) || message.state.name !== 'requested') return;
      const { attempts, isMaybeSent } = message.state;
      state.move(message, { name: 'intended', attempts: attempts + 1, content, isMaybeSent });
      this.intended.push(message);
      return;
    } catch (err) {
      if (signal.aborted || !this.isOpen(message)) return;
      if (err instanceof TemplateError || err instanceof SyntaxError) {
        logger.warn({ partition, flow: request.flow_id, node: request.node, err }, 'cannot render a message');
        return this.endActive(message, FAILED_TEMPLATE, null);
      }
      logger.error({ partition, retryMs: RENDER_RETRY_MS, err }, 'cannot prepare a message; retrying');
      state.postpone(message, clock.wallMs() + RENDER_RETRY_MS);
    } finally {
      // The same message may have been requested again meanwhile.
      if (message.state.name !== 'intended' && this.active.get(id) === message) this.active.delete(id);
      wake();
    }
  }

  /** The code for a message; null if it uses none; undefined if its pool does not have it. */
  private async codeFor({ workspace, request }: Message): Promise<string | null | undefined> {
    const { code_pool: pool, code_index: index } = request;
    if (pool === null || index === null) return null;
    return (await this.deps.codeOf(workspace, pool, index)) ?? undefined;
  }

  /** Messages whose intent is written since the last call: `call` them once it is durable. */
  takeIntended(): Message[] {
    const { intended } = this;
    this.intended = [];
    return intended;
  }

  /**
   * Looks again at what is against each message, and calls the providers. The intents are durable. Returns the messages
   * that must wait until the group has confirmed that this process owns the partition.
   */
  call(messages: readonly Message[]): Message[] {
    const left: Message[] = [];
    for (const message of messages) {
      // It may have been revoked since.
      if (!this.isOpen(message) || message.state.name !== 'intended') continue;
      const seen = this.look(message);
      if (seen === 'leave') left.push(message);
      if (seen !== 'call') continue;
      const call = this.callOne(message, message.state.content).finally(() => {
        this.calls.delete(call);
        this.deps.wake();
      });
      this.calls.add(call);
    }
    return left;
  }

  private isOpen(message: Message): boolean {
    return this.deps.state.messages.get(message.request.request_id) === message;
  }

  /** Resolves when all calls that have begun are finished. */
  async ended(): Promise<void> {
    await Promise.all(this.calls);
  }

  private async callOne(message: Message, content: MessageContent): Promise<void> {
    const { state, channelOf, clock, metrics, logger, partition, signal } = this.deps;
    const { request, workspace } = message;
    const { channel } = request;
    const { attempts, isMaybeSent } = message.state as StateOfCall;
    state.move(message, { name: 'called', attempts, content, isMaybeSent });
    if (attempts === 1) metrics.waitSeconds.observe({ channel }, (clock.wallMs() - request.due_at) / 1_000);
    let result: CallResult;
    try {
      const message = { requestId: request.request_id, address: request.address, content, target: targetOf(request) };
      result = await channelOf(workspace, channel).provider.send(message, signal);
    } catch (err) {
      logger.warn({ partition, channel, err }, 'a call of a provider failed without a result');
      result = { name: 'unknown', reason: 'error' };
    }
    metrics.calls.inc({ channel, result: result.name });
    this.finish(message, result);
  }

  /** What follows a call that has ended, or that was interrupted. */
  private finish(message: Message, result: CallResult): void {
    const { state, channelOf, clock, logger, partition } = this.deps;
    const { request, workspace } = message;
    const called = message.state as StateOfCall;
    const { retriesUnknown } = channelOf(workspace, request.channel);
    const pauseMs = pauseAfter(called.attempts);
    const next = afterCall(request, called, result, { nowMs: clock.wallMs(), pauseMs, retriesUnknown });
    if ('attempt' in next) {
      const reason = 'reason' in result ? result.reason : null;
      logger.warn(
        { partition, channel: request.channel, reason, attempts: called.attempts },
        'a call is repeated later',
      );
      this.active.delete(request.request_id);
      state.move(message, next.attempt);
      if (message.revocation !== null) this.look(message, message.revocation);
      return;
    }
    if (next.outcome.permanent && request.address !== null) {
      state.suppress(workspace, addressHash(request.channel, request.address), clock.wallMs());
    }
    this.endActive(message, next.outcome, JSON.stringify(called.content));
  }

  /** Whether the message may be sent now; ends it if it may not. */
  private look(message: Message, revocation: FlowRevocation['reason'] | null = null): Decision['do'] {
    const { state, clock, isOwner } = this.deps;
    const { request } = message;
    const isSuppressed =
      request.address !== null && state.isSuppressed(message, addressHash(request.channel, request.address));
    const view = { nowMs: clock.wallMs(), isOwner: isOwner(), revocation, isSuppressed };
    const decision = decide(request, message.state, view);
    if (decision.do === 'end') this.endActive(message, decision.outcome, null);
    return decision.do;
  }

  private endActive(message: Message, outcome: Outcome | null, text: string | null): void {
    const { state, clock, metrics } = this.deps;
    this.active.delete(message.request.request_id);
    state.end(message, outcome, text, clock.wallMs());
    if (outcome === null) return;
    const reason = outcome.what === 'skipped' ? (outcome.reason ?? '') : '';
    metrics.outcomes.inc({ channel: message.request.channel, outcome: outcome.what, reason });
  }
}

function pauseAfter(attempts: number): number {
  const backoff = new Backoff(PAUSES);
  let pauseMs = 0;
  for (let i = 0; i < Math.min(attempts, 10); i++) pauseMs = backoff.nextMs();
  return pauseMs;
}
