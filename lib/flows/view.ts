/** The entries of one workspace in one step, and what is emitted for it. */
import type { FlowEvent, FlowRevocation, FlowStep, MessageRequest, SendRequest } from '../../schemas/types.ts';
import { assertTransition } from '../transitions.ts';
import type { CompiledFlow } from './compiled.ts';
import { ADDRESS, ALIAS, CART, isAlias, PERSON, POOL, RUN, type Format } from './forms.ts';
import { KEYS } from './keys.ts';
import {
  newCart,
  newPerson,
  RUN_TRANSITIONS,
  type AddressState,
  type Cart,
  type Person,
  type Pool,
  type Run,
  type RunState,
} from './state.ts';
import type { Turn } from './turn.ts';
import { newWorkspace, type FlowState, type WorkspaceState } from './workspace.ts';

interface Slot<T> {
  value: T | undefined;
  isDirty: boolean;
}

const NO_REQUEST = { message: null, question: null, revoke: null, settle: null };

/** The entries of one workspace in one step. */
export class View {
  private readonly slots = new Map<string, Slot<unknown>>();
  private readonly formats = new Map<string, Format<unknown>>();
  private readonly compiled = new Map<string, CompiledFlow>();
  private state: WorkspaceState | undefined;
  private isStateDirty = false;

  constructor(
    readonly turn: Turn,
    readonly workspace: string,
  ) {}

  get now(): number {
    return this.turn.logTimeMs;
  }

  get offset(): number {
    return this.turn.offset;
  }

  /** Settings and flows. To change them, replace them with `saveSettings`. */
  get settings(): WorkspaceState {
    if (this.state === undefined) {
      const key = KEYS.workspace(this.workspace);
      const bytes = this.turn.store.get(key);
      this.state = bytes === undefined ? newWorkspace() : this.turn.cache.workspace(key, bytes);
    }
    return this.state;
  }

  saveSettings(state: WorkspaceState): void {
    this.state = state;
    this.isStateDirty = true;
  }

  get zone(): string {
    return this.settings.zone;
  }

  flowState(id: string): FlowState | undefined {
    return this.settings.flows.find((flow) => flow.id === id);
  }

  isPaused = (flow: string): boolean => this.flowState(flow)?.state === 'paused';

  flow(id: string, version: number): CompiledFlow {
    const key = KEYS.version(this.workspace, id, version);
    let flow = this.compiled.get(key);
    if (flow === undefined) {
      const bytes = this.turn.store.get(key);
      if (bytes === undefined) throw new Error(`version ${version} of a flow is not in the state`);
      flow = this.turn.cache.flow(key, id, version, bytes);
      this.compiled.set(key, flow);
    }
    return flow;
  }

  saveVersion(id: string, version: number, definition: string): void {
    const key = KEYS.version(this.workspace, id, version);
    this.compiled.delete(key);
    this.turn.store.put(key, Buffer.from(definition, 'utf8'));
  }

  run(flow: string, run: string): Run | undefined {
    return this.read(KEYS.run(this.workspace, flow, run), RUN);
  }

  saveRun(flow: string, id: string, run: Run): void {
    this.write(KEYS.run(this.workspace, flow, id), RUN, run);
  }

  deleteRun(flow: string, id: string): void {
    this.write(KEYS.run(this.workspace, flow, id), RUN, undefined);
  }

  /** Changes the state of a run, by the table of transitions. */
  move(run: Run, to: RunState): void {
    assertTransition('a run', RUN_TRANSITIONS, run.state, to);
    run.state = to;
  }

  /** The id of a person after all merges. */
  resolve(id: number): number {
    for (let current = id; ;) {
      if (this.slots.get(KEYS.person(this.workspace, current))?.value !== undefined) return current;
      const bytes = this.turn.store.get(KEYS.person(this.workspace, current));
      if (bytes === undefined || !isAlias(bytes)) return current;
      current = ALIAS.decode(bytes);
    }
  }

  /** @param id of a person who was not merged; new if there is no such entry */
  person(id: number): Person {
    return this.read(KEYS.person(this.workspace, id), PERSON) ?? newPerson();
  }

  hasPerson(id: number): boolean {
    return this.read(KEYS.person(this.workspace, id), PERSON) !== undefined;
  }

  savePerson(id: number, person: Person): void {
    this.write(KEYS.person(this.workspace, id), PERSON, person);
  }

  /** The person becomes another name for the winner. */
  alias(loser: number, winner: number): void {
    const key = KEYS.person(this.workspace, loser);
    this.slots.delete(key);
    this.turn.store.put(key, ALIAS.encode(winner));
  }

  deletePerson(id: number): void {
    const key = KEYS.person(this.workspace, id);
    this.slots.delete(key);
    this.turn.store.delete(key);
  }

  cart(id: string): Cart | undefined {
    return this.read(KEYS.cart(this.workspace, id), CART);
  }

  cartOrNew(id: string, person: number): Cart {
    return this.cart(id) ?? newCart(person, this.now);
  }

  saveCart(id: string, cart: Cart): void {
    this.write(KEYS.cart(this.workspace, id), CART, cart);
  }

  deleteCart(id: string): void {
    this.write(KEYS.cart(this.workspace, id), CART, undefined);
  }

  address(hash: string): AddressState {
    return this.read(KEYS.address(this.workspace, hash), ADDRESS) ?? { dueAt: null, suppressions: [], sends: [] };
  }

  saveAddress(hash: string, address: AddressState): void {
    const { suppressions, sends } = address;
    const dueAt = suppressions.length > 0 ? null : this.now + this.turn.horizonMs;
    const isEmpty = suppressions.length === 0 && sends.length === 0;
    this.write(KEYS.address(this.workspace, hash), ADDRESS, isEmpty ? undefined : { ...address, dueAt });
  }

  pool(name: string): Pool {
    return this.read(KEYS.pool(this.workspace, name), POOL) ?? { total: 0, given: 0 };
  }

  savePool(name: string, pool: Pool): void {
    this.write(KEYS.pool(this.workspace, name), POOL, pool);
  }

  /** Emits a step. */
  event(step: Pick<FlowEvent, 'flow_id' | 'version' | 'run_id' | 'what'> & Partial<FlowEvent>): void {
    this.turn.events.push({
      workspace: this.workspace,
      person_id: 0,
      cart_id: '',
      event_id: '',
      node: '',
      reason: '',
      at: this.now,
      input_offset: this.offset,
      ordinal: this.turn.nextOrdinal(),
      due_at: null,
      channel: null,
      class: null,
      request_id: null,
      amount: null,
      address: null,
      text: null,
      ...step,
    });
  }

  /** Emits a step of a run at its current node. */
  step(flow: string, id: string, run: Run, what: FlowStep, more: Partial<FlowEvent> = {}): void {
    this.event({
      flow_id: flow,
      version: run.version,
      run_id: id,
      person_id: run.person === 0 ? 0 : this.resolve(run.person),
      cart_id: run.cart,
      event_id: run.trigger.event,
      node: run.node,
      what,
      ...more,
    });
  }

  request(kind: SendRequest['kind'], body: Partial<SendRequest>): void {
    this.turn.requests.push({
      kind,
      workspace: this.workspace,
      log_time: this.now,
      input_offset: this.offset,
      ...NO_REQUEST,
      ...body,
    });
  }

  message(message: MessageRequest): void {
    this.request('message', { message });
  }

  revoke(revoke: FlowRevocation): void {
    this.request('revoke', { revoke });
  }

  flush(): void {
    if (this.isStateDirty && this.state !== undefined)
      this.turn.store.put(KEYS.workspace(this.workspace), Buffer.from(JSON.stringify(this.state), 'utf8'));
    for (const [key, slot] of this.slots) {
      if (!slot.isDirty) continue;
      if (slot.value === undefined) this.turn.store.delete(key);
      else this.turn.store.put(key, this.formats.get(key)!.encode(slot.value));
      slot.isDirty = false;
    }
  }

  private read<T>(key: string, format: Format<T>): T | undefined {
    const known = this.slots.get(key);
    if (known !== undefined) return known.value as T | undefined;
    const bytes = this.turn.store.get(key);
    const value = bytes === undefined ? undefined : format.decode(bytes);
    this.slots.set(key, { value, isDirty: false });
    return value;
  }

  private write<T>(key: string, format: Format<T>, value: T | undefined): void {
    this.slots.set(key, { value, isDirty: true });
    this.formats.set(key, format as Format<unknown>);
  }
}
