/** What the tests of flows send: a workspace, its webhooks and flows. */
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  request,
  waitFresh,
  waitUntil,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import type { Installation } from '../harness/installation.ts';

/** A workspace of a test, whose messages leave at any hour, so that the test may run at any. */
export class Retailer {
  private constructor(
    private readonly installation: Installation,
    readonly workspace: Workspace,
    private readonly webhooks: Readonly<Record<'cart_status' | 'cart_abandoned', Subscription>>,
  ) {}

  /** `settings` of the workspace beside those that a test of flows needs. */
  static async open(installation: Installation, settings: object = {}): Promise<Retailer> {
    const workspace = await createWorkspace(installation, { grace_seconds: 0, ...settings });
    const retailer = new Retailer(installation, workspace, {
      cart_status: await createSubscription(installation, workspace, { event: 'cart_status' }),
      cart_abandoned: await createSubscription(installation, workspace, { event: 'cart_abandoned' }),
    });
    const quiet_hours = { from: '08:00', to: '21:00', channels: [] };
    await retailer.ask('PATCH', `/v1/workspaces/${workspace.id}`, { quiet_hours });
    return retailer;
  }

  /** Asks the API; throws for a status other than 2xx. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { apiUrl } = this.installation;
    const answer = await request<T>(apiUrl + path, { method, key: this.workspace.keys.write, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Saves and publishes a flow; resolves with its id once it is live. */
  async publish(flow: object): Promise<string> {
    const { id } = await this.ask<{ id: string }>('POST', '/v1/flows', flow);
    await this.ask('POST', `/v1/flows/${id}/publish`);
    await waitUntil('the flow is live', async () => {
      return (await this.ask<{ state: string }>('GET', `/v1/flows/${id}`)).state === 'live';
    });
    return id;
  }

  /** Everybody may be written to; resolves once that is known everywhere. */
  async consent(carts: readonly number[]): Promise<void> {
    const occurred_at = new Date().toISOString();
    const consent = { sms: 'opted_in', email: 'opted_in' };
    const lines = carts.map((cart) => ({ occurred_at, ...contactOf(cart, 'phone', 'email'), consent }));
    const result = await postLines(this.installation, this.workspace, 'people', lines);
    if (result.rejected > 0) throw new Error(JSON.stringify(result.errors));
    await waitFresh(this.installation, this.workspace, Date.now(), 120_000);
  }

  /** Sends a webhook as Jane does; resolves with the time of its 202. */
  async send(event: 'cart_status' | 'cart_abandoned', cart: object): Promise<number> {
    const { status } = await postWebhook(this.webhooks[event], { cart });
    if (status !== 202) throw new Error(`a webhook was answered ${status}`);
    return Date.now();
  }
}

/** The phone and address of the person of a cart, under these names. */
export const contactOf = (person: number, phone: string, email: string): Record<string, string> => ({
  [phone]: `+1612${String(5_550_000 + person)}`,
  [email]: `shopper${person}@example.com`,
});

/** A cart as Jane describes it. `person`: whose it is. */
export const cartOf = (cart: number, person = cart): Record<string, unknown> => ({
  id: cart,
  customer_name: 'Ann Lee',
  ...contactOf(person, 'customer_phone_number', 'customer_email_address'),
  store_id: 68,
  store_name: 'North',
});
