import { DueIndex } from '../../lib/streams/due-index.ts';
import { TASK_LIMITS } from '../../lib/streams/limits.ts';
import type {
  FlowInput,
  FlowOutcome,
  FlowQuestion,
  FlowRevocation,
  FlowSettle,
  MessageRequest,
} from '../../schemas/types.ts';
import { keptUntilMs, moved, REQUESTED, type MessageState, type Outcome } from './message.ts';
import { flowInput } from './outputs.ts';

/** A message with everything that delivery knows of it. */
export interface Message {
  workspace: string;
  /** Log time at which the flow requested it. */
  logTimeMs: number;
  request: MessageRequest;
  state: Exclude<MessageState, { name: 'done' }>;
  /** The request was revoked while a call was under way: there is no further attempt. */
  revocation: FlowRevocation['reason'] | null;
}

/** A question that has no answer yet. */
export interface OpenQuestion {
  workspace: string;
  question: FlowQuestion;
}

/** What has changed and is not committed yet. */
export interface Effects {
  inputs: { workspace: string; input: FlowInput }[];
  /** The new entries of the state by key; null: deleted. */
  entries: Map<string, Buffer | null>;
}

/*
 * Keys of the state: `m:<request>` (a message), `q:<question>` (an open question), `a:<workspace>:<address hash>` (when a
 * provider refused the address for good), `s` (the latest time for which a message waits). Values are JSON.
 */
const MESSAGE = 'm:';
const QUESTION = 'q:';
const ADDRESS = 'a:';
const SETTLE = 's';

type Done = Extract<MessageState, { name: 'done' }>;
type Settle = FlowSettle & { workspace: string };

/** Log time may lag behind the clock by which a suppression is dated. */
const SUPPRESSED_MARGIN_MS = 60_000;
const DAY_MS = 86_400_000;
/** What is written of a message that was revoked, and was certainly not sent. */
const REVOKED = { what: 'skipped', reason: 'revoked', permanent: false, address: null, text: null } as const;
/** A record of flow-inputs without the text of a message. */
const INPUT_BYTES = 200;

/**
 * The open messages and questions of one partition. Every write is an effect that `takeEffects` returns once. Requests
 * that are handled already are remembered, so that the same request again has no effect.
 */
export class DeliveryState {
  readonly messages = new Map<string, Message>();
  readonly questions = new Map<string, OpenQuestion>();
  /** The latest time for which a message waits: a record `settled` of at least this time is wanted. */
  settle: Settle | null = null;
  private readonly done = new Map<string, Done>();
  private readonly suppressedAtMs = new Map<string, number>();
  /** Messages that may be attempted, by the time from which on they may. */
  private readonly attempts = new DueIndex();
  /** Entries that are forgotten at a time: messages that are done, and suppressions. */
  private readonly forgotten = new DueIndex();
  private inputs: Effects['inputs'] = [];
  private entries = new Map<string, Buffer | null>();
  private urgent = false;
  /** Roughly what the effects take, with entries that were replaced. */
  private effectBytes = 0;

  /** Takes an entry of the changelog. Throws an Error for one that cannot be read. */
  restore(key: string, value: Buffer | null): void {
    const stored: unknown = value === null ? null : JSON.parse(value.toString('utf8'));
    if (key === SETTLE) this.settle = stored as Settle | null;
    else if (key.startsWith(QUESTION)) setOrDelete(this.questions, key.slice(QUESTION.length), stored as OpenQuestion);
    else if (key.startsWith(ADDRESS)) setOrDelete(this.suppressedAtMs, key, stored as number);
    else if (key.startsWith(MESSAGE)) this.restoreMessage(key.slice(MESSAGE.length), stored);
    else throw new Error('an entry of unknown kind');
  }

  private restoreMessage(id: string, stored: unknown): void {
    this.messages.delete(id);
    this.done.delete(id);
    if (stored === null) return;
    const isDone = (stored as Done).name === 'done';
    if (isDone) this.done.set(id, stored as Done);
    else this.messages.set(id, stored as Message);
  }

  /** All entries are there: derives what is not stored. Returns the messages whose call may have begun. */
  restored(): Message[] {
    for (const [id, { state }] of this.messages)
      if (state.name === 'requested') this.attempts.set(id, state.notBeforeMs);
    for (const [id, { keptUntilMs }] of this.done) this.forgotten.set(MESSAGE + id, keptUntilMs);
    for (const [key, atMs] of this.suppressedAtMs) this.forgotten.set(key, atMs + DAY_MS);
    return [...this.messages.values()].filter(({ state }) => state.name === 'intended');
  }

  get entryCount(): number {
    return this.messages.size + this.done.size + this.questions.size + this.suppressedAtMs.size;
  }

  /** A request, unless it was handled already. */
  addRequest(workspace: string, logTimeMs: number, request: MessageRequest): void {
    const id = request.request_id;
    const open = this.messages.get(id);
    const done = this.done.get(id);
    // A flow of an earlier release requests it again while its call is under way.
    if (open?.revocation === 'paused') this.put(Object.assign(open, { logTimeMs, request, revocation: null }));
    if (open !== undefined || (done !== undefined && !done.isRevokedByPause)) return;
    if (done !== undefined) moved(id, done, REQUESTED);
    this.done.delete(id);
    this.forgotten.set(MESSAGE + id, undefined);
    this.put({ workspace, logTimeMs, request, state: REQUESTED as Message['state'], revocation: null });
  }

  /** The next step of a message that is not done. */
  move(message: Message, state: Message['state']): void {
    message.state = moved(message.request.request_id, message.state, state) as Message['state'];
    if (state.name === 'intended') this.urgent = true;
    if (state.name !== 'called') this.put(message);
  }

  /** No call begins any more: messages whose intent is written, and that were not called, are left to the next process. */
  withdrawIntents(): void {
    for (const message of this.messages.values()) {
      if (message.state.name !== 'intended') continue;
      const { attempts, isMaybeSent } = message.state;
      this.move(message, { name: 'requested', attempts: attempts - 1, notBeforeMs: 0, isMaybeSent });
    }
  }

  /** The request is revoked during a call, whose result may still be that nothing was sent. */
  revokeCalled(message: Message, revocation: FlowRevocation['reason']): void {
    message.revocation = revocation;
    this.put(message);
  }

  private put(message: Message): void {
    const { state, request } = message;
    this.messages.set(request.request_id, message);
    this.attempts.set(request.request_id, state.name === 'requested' ? state.notBeforeMs : undefined);
    // What has been called is stored as intended: another process cannot know that the call has begun.
    const stored = state.name === 'called' ? { ...message, state: { ...state, name: 'intended' } } : message;
    this.write(MESSAGE + request.request_id, stored);
  }

  /**
   * The message is done. `outcome`: null when a pause has revoked it and it was certainly not sent: the flow gets a reply,
   * and may request it again. `text`: the message as rendered, as JSON.
   */
  end(message: Message, outcome: Outcome | null, text: string | null, nowMs: number): void {
    const { workspace, request } = message;
    const id = request.request_id;
    const state: Done = {
      name: 'done',
      keptUntilMs: keptUntilMs(request, nowMs),
      isRevokedByPause: outcome === null,
    };
    moved(id, message.state, state);
    this.messages.delete(id);
    this.attempts.set(id, undefined);
    this.keepDone(id, state);
    if (outcome === null) return this.emitOutcome(workspace, request, REVOKED, nowMs);
    this.emitOutcome(workspace, request, { ...outcome, address: request.address, text }, nowMs);
  }

  /**
   * Replies to the revocation of a message that is not open, unless its outcome is known. `ended`: the run has ended, or
   * has left its node, while a pause had revoked the message, which gets its outcome now. A message that is not known was
   * forgotten since the pause, or its request could not be read.
   */
  revokeDone(workspace: string, revocation: FlowRevocation, nowMs: number): void {
    const { request_id: id, reason } = revocation;
    if (this.done.get(id)?.isRevokedByPause === false) return;
    this.keepDone(id, { name: 'done', keptUntilMs: nowMs + DAY_MS, isRevokedByPause: reason === 'paused' });
    this.emitOutcome(workspace, revocation, REVOKED, nowMs);
  }

  private emitOutcome(
    workspace: string,
    { request_id, flow_id, run_id, node }: Pick<FlowRevocation, 'request_id' | 'flow_id' | 'run_id' | 'node'>,
    outcome: Outcome & Pick<FlowOutcome, 'address' | 'text'>,
    nowMs: number,
  ): void {
    const ids = { request_id, flow_id, run_id, node };
    this.emit(workspace, flowInput('outcome', workspace, nowMs, { outcome: { ...ids, ...outcome } }));
  }

  private keepDone(id: string, state: Done): void {
    this.done.set(id, state);
    this.forgotten.set(MESSAGE + id, state.keptUntilMs);
    this.write(MESSAGE + id, state);
  }

  /** Messages that may be attempted by `nowMs`, at most `max`. Each is moved, ended or postponed by the caller. */
  takeDue(nowMs: number, max: number): Message[] {
    return this.attempts.take(nowMs, max).map((id) => this.messages.get(id)!);
  }

  /** A message that was taken waits until `dueMs`. Nothing is stored. */
  postpone({ request, state }: Message, dueMs: number): void {
    if (state.name === 'requested') this.attempts.set(request.request_id, dueMs);
  }

  /** When the next message may be attempted, or the next entry is forgotten. Unix ms. */
  get nextMs(): number {
    return Math.min(this.attempts.first()?.dueMs ?? Infinity, this.forgotten.first()?.dueMs ?? Infinity);
  }

  forget(nowMs: number, max: number): void {
    for (const key of this.forgotten.take(nowMs, max)) {
      if (key.startsWith(MESSAGE)) this.done.delete(key.slice(MESSAGE.length));
      else this.suppressedAtMs.delete(key);
      this.write(key, null);
    }
  }

  /** A provider has refused the address for good. */
  suppress(workspace: string, addressHash: string, nowMs: number): void {
    const key = `${ADDRESS}${workspace}:${addressHash}`;
    this.suppressedAtMs.set(key, nowMs);
    this.forgotten.set(key, nowMs + DAY_MS);
    this.write(key, nowMs);
  }

  /**
   * Whether the address was refused after the flow had decided to write to it. A later decision knew the refusal and
   * anything that lifted it since.
   */
  isSuppressed({ workspace, logTimeMs }: Message, addressHash: string): boolean {
    const atMs = this.suppressedAtMs.get(`${ADDRESS}${workspace}:${addressHash}`);
    return atMs !== undefined && logTimeMs <= atMs + SUPPRESSED_MARGIN_MS;
  }

  /** A question, unless it is open already. Undefined then. */
  addQuestion(workspace: string, question: FlowQuestion): OpenQuestion | undefined {
    if (this.questions.has(question.question_id)) return undefined;
    const open = { workspace, question };
    this.questions.set(question.question_id, open);
    this.write(QUESTION + question.question_id, open);
    return open;
  }

  answer({ workspace, question }: OpenQuestion, yes: boolean, nowMs: number): void {
    const { question_id, flow_id, run_id } = question;
    if (!this.questions.delete(question_id)) return;
    this.write(QUESTION + question_id, null);
    this.urgent = true;
    this.emit(workspace, flowInput('answer', workspace, nowMs, { answer: { question_id, flow_id, run_id, yes } }));
  }

  addSettle(workspace: string, { due_at }: FlowSettle): void {
    if (this.settle !== null && this.settle.due_at >= due_at) return;
    this.settle = { workspace, due_at };
    this.write(SETTLE, this.settle);
  }

  /** Flow-inputs says that it holds everything that ingest had accepted up to `t0`. */
  settled(t0: number): void {
    if (this.settle === null || this.settle.due_at > t0) return;
    this.settle = null;
    this.write(SETTLE, null);
  }

  hasEffects(): boolean {
    return this.inputs.length + this.entries.size > 0;
  }

  /** Whether an effect should be committed at once: an intent holds up a call, an answer a run. */
  get isUrgent(): boolean {
    return this.urgent;
  }

  /** Whether the effects fill a transaction. */
  isFull(): boolean {
    return this.inputs.length + this.entries.size >= TASK_LIMITS.effects || this.effectBytes >= TASK_LIMITS.bytes;
  }

  takeEffects(): Effects {
    const { inputs, entries } = this;
    this.effectBytes = 0;
    this.urgent = false;
    this.inputs = [];
    this.entries = new Map();
    return { inputs, entries };
  }

  private emit(workspace: string, input: FlowInput): void {
    this.inputs.push({ workspace, input });
    this.effectBytes += INPUT_BYTES + (input.outcome?.text?.length ?? 0);
  }

  private write(key: string, value: unknown): void {
    const entry = value === null ? null : Buffer.from(JSON.stringify(value), 'utf8');
    this.entries.set(key, entry);
    this.effectBytes += key.length + (entry?.length ?? 0);
  }
}

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}
