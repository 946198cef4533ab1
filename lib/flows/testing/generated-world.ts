import type { Random } from '../../simulate/random.ts';
import type { CaseInput, FlowCase } from './cases.ts';
import { MODES, PRODUCTS, STATUSES, STORES } from './generated-flows.ts';

type Asserted = NonNullable<CaseInput['assert']>[number];
type Stands = NonNullable<CaseInput['stands']>;
type Profile = FlowCase['people'][string];

export const PEOPLE = ['p', 'q', 'r'];
const PHONES = ['+12125550101', '+18085550102', '+18505550103', '+442071234567', '+12125550105', '+18085550106'];

/** What is known of people and carts, so that records are possible ones. */
export class World {
  readonly profiles = new Map<string, Profile>();
  private readonly carts = new Map<string, Stands>();
  private readonly asserted = new Map<string, { cart: string; event: Asserted }>();
  private readonly retracted = new Map<string, { cart: string; event: Asserted }>();
  private readonly merged = new Map<string, string>();
  private count = 0;

  constructor(private readonly random: Random) {
    for (const [cart, person] of [
      ['c1', 'p'],
      ['c2', 'p'],
      ['c3', 'q'],
      ['c4', 'r'],
    ] as const)
      this.carts.set(cart, this.newCart(cart, person));
    PEOPLE.forEach((person, i) => this.profiles.set(person, this.newProfile(person, i)));
  }

  get cartNames(): string[] {
    return [...this.carts.keys()];
  }

  private newCart = (cart: string, person: string): Stands => ({
    cart,
    person,
    store_id: this.random.pick(STORES),
    mode: this.random.pick(MODES),
    had: [],
  });

  private newProfile(person: string, i: number): Profile {
    const { random } = this;
    const phones = PHONES.slice(
      2 * i,
      2 * i +
        random.weighted([
          [0, 1],
          [1, 5],
          [2, 4],
        ]),
    );
    const emails = [`${person}1@example.com`, `${person}2@example.com`].slice(
      0,
      random.weighted([
        [0, 0.5],
        [1, 6],
        [2, 3],
      ]),
    );
    return {
      phones: phones.map((phone) => [
        phone,
        random.weighted([
          ['opted_in', 7],
          ['opted_out', 1],
          [null, 2],
        ] as const),
      ]),
      emails: emails.map((email) => [
        email,
        random.weighted([
          ['opted_in', 1],
          ['opted_out', 1],
          [null, 6],
        ] as const),
      ]),
      ...(random.chance(0.25) ? { time_zone: random.pick(['America/Los_Angeles', 'Asia/Kathmandu', 'UTC']) } : {}),
    };
  }

  private who = (person: string): string => {
    const winner = this.merged.get(person);
    return winner === undefined ? person : this.who(winner);
  };

  private someone = (): string => this.who(this.random.pick([...this.profiles.keys()]));
  private record = (person: string): CaseInput => ({ at: 0, profile: { person, ...this.profiles.get(person)! } });

  /** The addresses of a person, without their consents. */
  addresses(): { channel: 'sms' | 'email'; address: string }[] {
    return [...this.profiles.values()].flatMap(({ phones, emails }) => [
      ...phones.map(([address]) => ({ channel: 'sms' as const, address })),
      ...emails.map(([address]) => ({ channel: 'email' as const, address })),
    ]);
  }

  profile(): CaseInput {
    const person = this.someone();
    const i = PEOPLE.indexOf(person);
    this.profiles.set(person, this.newProfile(person, i < 0 ? 3 : i));
    return this.record(person);
  }

  merge(): CaseInput[] {
    const [loser, winner] = [this.someone(), this.someone()];
    if (loser === winner) return [];
    const [from, to] = [this.profiles.get(loser)!, this.profiles.get(winner)!];
    this.merged.set(loser, winner);
    this.profiles.delete(loser);
    const united = { ...to, phones: [...to.phones, ...from.phones], emails: [...to.emails, ...from.emails] };
    this.profiles.set(winner, united);
    for (const cart of this.carts.values()) if (cart.person === loser) cart.person = winner;
    return [this.record(winner), { at: 0, merge: [loser, winner] }];
  }

  /** A cart leaves its person, with an address of theirs or a new one. */
  part(): CaseInput[] {
    const { random } = this;
    const cart = this.carts.get(random.pick(this.cartNames))!;
    const former = this.profiles.get(cart.person)!;
    const person = `n${this.count++}`;
    const taken = random.chance(0.6) ? former.emails[0] : undefined;
    const profiles: CaseInput[] = [];
    if (taken !== undefined && random.chance(0.5)) {
      this.profiles.set(cart.person, { ...former, emails: former.emails.slice(1) });
      profiles.push(this.record(cart.person));
    }
    cart.person = person;
    this.profiles.set(person, { phones: [], emails: taken === undefined ? [] : [taken] });
    return [...profiles, this.record(person), { at: 0, part: { [cart.cart]: person } }];
  }

  erase(): CaseInput[] {
    const person = this.someone();
    const carts = this.cartNames.filter((cart) => this.carts.get(cart)!.person === person);
    for (const known of [this.asserted, this.retracted])
      for (const [id, { cart }] of known) if (carts.includes(cart)) known.delete(id);
    this.profiles.delete(person);
    // Somebody new comes with each cart, with the same address.
    const former = carts.map((cart) => [cart, `n${this.count++}`] as const);
    for (const [cart, name] of former) {
      this.carts.set(cart, this.newCart(cart, name));
      this.profiles.set(name, { phones: [], emails: [[`${name}@example.com`, null]] });
    }
    if (this.profiles.size === 0) this.profiles.set('p', { phones: [], emails: [] });
    return [{ at: 0, erase: person, carts }, ...former.map(([, name]) => this.record(name))];
  }

  /** The cart alone changes. */
  stands(at: number): CaseInput {
    const { random } = this;
    const cart = this.carts.get(random.pick(this.cartNames))!;
    if (random.chance(0.5)) {
      cart.last_activity = at - random.int(0, 5);
      cart.due = cart.last_activity + 30;
    } else cart.reservation = at + random.int(-5, 90);
    if (random.chance(0.2)) delete cart.due;
    if (random.chance(0.1)) cart.amount = random.int(5, 40);
    return { at, ...this.shown(cart) };
  }

  private shown({ cart, ...rest }: Stands): Pick<CaseInput, 'stands' | 'phone' | 'email'> {
    const { phones, emails } = this.profiles.get(rest.person)!;
    const { random } = this;
    return {
      stands: { cart, ...rest, had: [...(rest.had ?? [])] },
      ...(phones.length > 0 && random.chance(0.5) ? { phone: random.pick(phones)[0] } : {}),
      ...(emails.length > 0 && random.chance(0.5) ? { email: random.pick(emails)[0] } : {}),
    };
  }

  changes(at: number): CaseInput {
    const { random } = this;
    const cart = random.pick(this.cartNames);
    const mine = [...this.asserted].filter(([, known]) => known.cart === cart);
    const gone = [...this.retracted].filter(([, known]) => known.cart === cart);
    const assert: Asserted[] = [];
    const retract: string[] = [];
    if (mine.length > 0 && random.chance(0.3)) {
      const [id, known] = random.pick(mine);
      this.asserted.delete(id);
      this.retracted.set(id, known);
      retract.push(id);
      if (random.chance(0.6)) assert.push({ ...this.event(at, cart, known.event), replaces: id });
    } else if (gone.length > 0 && random.chance(0.2)) {
      const [id, { event }] = random.pick(gone);
      if (!this.asserted.has(id)) {
        const { replaces: _, ...again } = event;
        assert.push(random.chance(0.5) ? again : { ...this.event(at, cart, event), replaces: id });
      }
    }
    if (assert.length + retract.length === 0 || random.chance(0.2)) assert.push(this.event(at, cart));
    assert.sort((a, b) => a.t - b.t);
    for (const event of assert) {
      this.retracted.delete(event.id);
      this.asserted.set(event.id, { cart, event });
      this.note(cart, event);
    }
    const shown = this.shown(this.carts.get(cart)!);
    return { at, cart, person: shown.stands!.person, assert, retract, ...shown };
  }

  /** The cart after an event. */
  private note(cart: string, { trait, status, last_activity }: Asserted): void {
    const stands = this.carts.get(cart)!;
    delete stands.due;
    if (trait === 'cart_abandoned') {
      if (last_activity !== undefined)
        stands.last_activity = Math.max(stands.last_activity ?? -Infinity, last_activity);
      return;
    }
    stands.status = status!;
    stands.had = [...new Set([...(stands.had ?? []), status!])];
  }

  private event(at: number, cart: string, like?: { trait: string; status?: string }): Asserted {
    const { random } = this;
    const t = at - (random.chance(0.7) ? 0 : random.int(0, 50));
    const { store_id, mode } = this.carts.get(cart)!;
    const event = {
      id: `e${this.count++}`,
      t,
      store_id: store_id!,
      mode: mode!,
      ...(random.chance(0.5) ? { amount: random.int(5, 40) } : {}),
      ...(random.chance(0.5) ? { products: [random.pick(PRODUCTS)] } : {}),
    };
    if ((like?.trait ?? (random.chance(0.35) ? 'cart_abandoned' : '')) === 'cart_abandoned')
      return {
        ...event,
        trait: 'cart_abandoned',
        ...(random.chance(0.8) ? { last_activity: t - random.int(0, 30) } : {}),
      };
    return { ...event, trait: 'cart_status_updated', status: like?.status ?? random.pick(STATUSES) };
  }
}
