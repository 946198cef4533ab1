import type { MessageTemplate, TemplateContext } from '../../lib/templates/index.ts';
import { firstNameOf } from '../../lib/templates/index.ts';
import type { FlowChannel, MessageRequest } from '../../schemas/types.ts';
import type { WebhookTarget } from './channel.ts';

/** The node of a message in the definition of its flow. */
interface MessageNode {
  text?: string;
  subject?: string;
  html?: string;
  preheader?: string;
  url?: string;
  headers?: Record<string, string>;
  body?: string;
}

const nodeOf = ({ content }: MessageRequest): MessageNode => JSON.parse(content) as MessageNode;

/** The templates of a requested message. */
export function templateOf(request: MessageRequest): MessageTemplate {
  const { text, subject, html, preheader, body } = nodeOf(request);
  const templates: Record<FlowChannel, MessageTemplate> = {
    sms: { channel: 'sms', text: text ?? '' },
    email: { channel: 'email', subject: subject ?? '', html: html ?? '', text, preheader },
    webhook: { channel: 'webhook', body },
  };
  return templates[request.channel];
}

/** Where a requested webhook goes; null for other channels. */
export function targetOf(request: MessageRequest): WebhookTarget | null {
  if (request.channel !== 'webhook') return null;
  const { url = '', headers = {} } = nodeOf(request);
  return { url, headers };
}

/** What the templates of a requested message may use. */
export function contextOf(request: MessageRequest, code: string | null): TemplateContext {
  const { person, cart, event, cart_id, run_id, flow_id, version, node, workspace_name } = request;
  return {
    person: { first_name: firstNameOf(person.name), ...person },
    cart: { id: cart_id, ...cart, products: cart.products ?? [] },
    event: {
      trait: event.trait,
      status: event.status || null,
      occurred_at: new Date(event.occurred_at).toISOString(),
    },
    workspace: { name: workspace_name },
    run: { id: run_id, flow_id, version, node },
    // Links for unsubscribing come with the providers that need them.
    unsubscribe_url: null,
    code,
  };
}
