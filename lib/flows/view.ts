/** The entries of one workspace in one step, and what is emitted for it. */
import type { FlowEvent, FlowRevocation, FlowStep, MessageRequest, SendRequest } from '../../schemas/types.ts';
import { zoneOrUtc } from '../time/index.ts';
import { assertTransition } from '../transitions.ts';
import type { CompiledFlow } from './compiled.ts';
import { ADDRESS, ALIAS, CART, isAlias, PERSON, POOL, RUN, type Format } from './forms.ts';
import { KEYS, parseRunKey } from './keys.ts';
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

/** An entry of the state in this step. */
interface Slot<T> {
  readonly key: string;
  readonly format: Format<T>;
  value: T | undefined;
  isDirty: boolean;
}

/** The entries of one kind. A step uses few kinds, so the map is made when there is one: maps were most of its garbage. */
class Slots<N, T> {
  private slots: Map<N, Slot<T>> | undefined;

  get(name: N): Slot<T> | undefined {
    return this.slots?.get(name);
  }

  set(name: N, slot: Slot<T>): void {
    (this.slots ??= new Map<N, Slot<T>>()).set(name, slot);
  }

  delete(name: N): void {
    this.slots?.delete(name);
  }

  /** Calls `each` with the entries that were changed. */
  flush(each: (slot: Slot<T>) => void): void {
    if (this.slots === undefined) return;
    for (const slot of this.slots.values()) if (slot.isDirty) each(slot);
  }
}

const NO_REQUEST = { message: null, question: null, revoke: null, settle: null };

/** The entries of one workspace in one step. */
export class View {
  // By what they are named by: making keys of the store takes longer than finding an entry.
  private readonly runs = new Slots<string, Run>();
  /** Runs of which messages were out before this step. */
  private wereOut: Set<Slot<Run>> | undefined;
  private readonly people = new Slots<number, Person>();
  private readonly carts = new Slots<string, Cart>();
  private readonly addresses = new Slots<string, AddressState>();
  private readonly pools = new Slots<string, Pool>();
  /** Ids of people, and those that they lead to. */
  private resolved: Map<number, number> | undefined;
  private compiled: Map<string, CompiledFlow> | undefined;
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

  /** The zone of days. A name that is no zone, stored before zones were checked, must not stop the partition. */
  get zone(): string {
    return zoneOrUtc(this.settings.zone);
  }

  flowState(id: string): FlowState | undefined {
    return this.settings.flows.find((flow) => flow.id === id);
  }

  saveFlowState(state: FlowState): void {
    const others = this.settings.flows.filter(({ id }) => id !== state.id);
    const flows = [...others, state].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.saveSettings({ ...this.settings, flows });
  }

  isPaused = (flow: string): boolean => this.flowState(flow)?.state === 'paused';

  flow(id: string, version: number): CompiledFlow {
    const key = KEYS.version(this.workspace, id, version);
    let flow = this.compiled?.get(key);
    if (flow === undefined) {
      const bytes = this.turn.store.get(key);
      if (bytes === undefined) throw new Error(`version ${version} of a flow is not in the state`);
      flow = this.turn.cache.flow(key, id, version, bytes);
      (this.compiled ??= new Map()).set(key, flow);
    }
    return flow;
  }

  saveVersion(id: string, version: number, definition: string): void {
    const key = KEYS.version(this.workspace, id, version);
    this.compiled?.delete(key);
    this.turn.store.put(key, Buffer.from(definition, 'utf8'));
  }

  run(flow: string, run: string): Run | undefined {
    return this.slotOfRun(flow, run).value;
  }

  saveRun(flow: string, id: string, run: Run): void {
    write(this.slotOfRun(flow, id), run);
  }

  deleteRun(flow: string, id: string): void {
    write(this.slotOfRun(flow, id), undefined);
  }

  private slotOfRun(flow: string, id: string): Slot<Run> {
    // The id depends on the flow.
    const known = this.runs.get(id);
    if (known !== undefined) return known;
    const slot = this.open(this.runs, id, KEYS.run(this.workspace, flow, id), RUN);
    // The run may be changed in place.
    if (isOut(slot)) (this.wereOut ??= new Set()).add(slot);
    return slot;
  }

  /** Keeps the name of a run of which messages are out, so that a pause finds them without looking at all runs. */
  private nameOut(slot: Slot<Run>): void {
    if (isOut(slot) === (this.wereOut?.has(slot) ?? false)) return;
    const { workspace, flow, run } = parseRunKey(slot.key);
    const key = KEYS.out(workspace, flow, run);
    if (isOut(slot)) this.turn.store.put(key, EMPTY);
    else this.turn.store.delete(key);
  }

  /** Changes the state of a run, by the table of transitions. */
  move(run: Run, to: RunState): void {
    assertTransition('a run', RUN_TRANSITIONS, run.state, to);
    run.state = to;
  }

  /** The id of a person after all merges. */
  resolve(id: number): number {
    const known = this.resolved?.get(id);
    if (known !== undefined) return known;
    for (let current = id; ;) {
      const isOpen = this.people.get(current)?.value !== undefined;
      const bytes = isOpen ? undefined : this.turn.store.get(KEYS.person(this.workspace, current));
      if (bytes === undefined || !isAlias(bytes)) {
        (this.resolved ??= new Map()).set(id, current);
        return current;
      }
      current = ALIAS.decode(bytes);
    }
  }

  /** @param id of a person who was not merged; new if there is no such entry */
  person(id: number): Person {
    return this.slotOfPerson(id).value ?? newPerson();
  }

  hasPerson(id: number): boolean {
    return this.slotOfPerson(id).value !== undefined;
  }

  savePerson(id: number, person: Person): void {
    write(this.slotOfPerson(id), person);
  }

  private slotOfPerson(id: number): Slot<Person> {
    return this.people.get(id) ?? this.open(this.people, id, KEYS.person(this.workspace, id), PERSON);
  }

  /** The person becomes another name for the winner. */
  alias(loser: number, winner: number): void {
    this.forgetPerson(loser);
    this.turn.store.put(KEYS.person(this.workspace, loser), ALIAS.encode(winner));
  }

  deletePerson(id: number): void {
    this.forgetPerson(id);
    this.turn.store.delete(KEYS.person(this.workspace, id));
  }

  private forgetPerson(id: number): void {
    this.people.delete(id);
    this.resolved?.clear();
  }

  cart(id: string): Cart | undefined {
    return this.slotOfCart(id).value;
  }

  cartOrNew(id: string, person: number): Cart {
    return this.cart(id) ?? newCart(person, this.now);
  }

  saveCart(id: string, cart: Cart): void {
    write(this.slotOfCart(id), cart);
  }

  deleteCart(id: string): void {
    write(this.slotOfCart(id), undefined);
  }

  private slotOfCart(id: string): Slot<Cart> {
    return this.carts.get(id) ?? this.open(this.carts, id, KEYS.cart(this.workspace, id), CART);
  }

  address(hash: string): AddressState {
    return this.slotOfAddress(hash).value ?? { dueAt: null, suppressions: [], sends: [] };
  }

  saveAddress(hash: string, address: AddressState): void {
    const { suppressions, sends } = address;
    const dueAt = suppressions.length > 0 ? null : this.now + this.turn.horizonMs;
    const isEmpty = suppressions.length === 0 && sends.length === 0;
    write(this.slotOfAddress(hash), isEmpty ? undefined : { ...address, dueAt });
  }

  private slotOfAddress(hash: string): Slot<AddressState> {
    return this.addresses.get(hash) ?? this.open(this.addresses, hash, KEYS.address(this.workspace, hash), ADDRESS);
  }

  pool(name: string): Pool {
    return this.slotOfPool(name).value ?? { total: 0, given: 0 };
  }

  savePool(name: string, pool: Pool): void {
    write(this.slotOfPool(name), pool);
  }

  private slotOfPool(name: string): Slot<Pool> {
    return this.pools.get(name) ?? this.open(this.pools, name, KEYS.pool(this.workspace, name), POOL);
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
    this.runs.flush((slot) => this.nameOut(slot));
    const store = (slot: Slot<unknown>): void => this.store(slot);
    this.runs.flush(store);
    this.people.flush(store);
    this.carts.flush(store);
    this.addresses.flush(store);
    this.pools.flush(store);
  }

  private store<T>(slot: Slot<T>): void {
    const { store } = this.turn;
    const { key, format, value } = slot;
    if (value === undefined) store.delete(key);
    else if (store.objects === undefined) store.put(key, format.encode(value));
    else store.objects.put(key, value as object);
    slot.isDirty = false;
  }

  private open<N, T>(slots: Slots<N, T>, name: N, key: string, format: Format<T>): Slot<T> {
    const slot: Slot<T> = { key, format, value: this.stored(key, format), isDirty: false };
    slots.set(name, slot);
    return slot;
  }

  private stored<T>(key: string, format: Format<T>): T | undefined {
    const { store } = this.turn;
    if (store.objects !== undefined) return store.objects.get(key) as T | undefined;
    const bytes = store.get(key);
    return bytes === undefined ? undefined : format.decode(bytes);
  }
}

const isOut = ({ value }: Slot<Run>): boolean => value !== undefined && value.requests.length > 0;

const EMPTY = Buffer.alloc(0);

function write<T>(slot: Slot<T>, value: T | undefined): void {
  slot.value = value;
  slot.isDirty = true;
}
