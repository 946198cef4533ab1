import type { Flow, Span } from './definition.ts';

/** Flows for the common uses, each valid and ready to be published after its texts were read. */
export interface FlowTemplate {
  id: string;
  name: string;
  /** What it does, in a sentence or two. */
  description: string;
  flow: Flow;
}

const HELLO = 'Hi {{ person.first_name | default: "there" }}';
const SENDER = '{{ workspace.name }}';
const OPT_OUT = 'Reply STOP to opt out.';

/** The HTML of an email: paragraphs, and the link that opts out. */
function html(...paragraphs: string[]): string {
  const unsubscribe = `<a href="{{ unsubscribe_url }}">Unsubscribe</a>`;
  return [`<p>${HELLO},</p>`, ...paragraphs.map((text) => `<p>${text}</p>`), `<p>${SENDER} · ${unsubscribe}</p>`].join(
    '\n',
  );
}

const hours = (amount: number): Span => ({ amount, unit: 'hours' });
const days = (amount: number): Span => ({ amount, unit: 'days' });

const abandonedCart: FlowTemplate = {
  id: 'abandoned_cart_recovery',
  name: 'Abandoned cart recovery',
  description:
    'Reminds a person of an abandoned cart by SMS, and four hours later offers a discount by email. A checkout or new activity in the cart ends it.',
  flow: {
    name: 'Abandoned cart recovery',
    triggers: [{ trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
    reentry: { rule: 'after_exit', per: 'person', cooldown: hours(24) },
    exit_on: [{ checkout: 'person' }, { activity: 'cart' }],
    goal: { checkout: 'person', within: days(7) },
    start: 'remind',
    nodes: {
      remind: {
        type: 'sms',
        class: 'marketing',
        text: `${SENDER}: ${HELLO}, your cart is still waiting for you. ${OPT_OUT}`,
        next: 'pause',
      },
      pause: { type: 'wait', for: hours(4), next: 'offer' },
      offer: {
        type: 'email',
        class: 'marketing',
        subject: '10 % off your cart',
        preheader: 'What you picked is still there.',
        html: html('What you picked is still in your cart. Complete the order today, and we take 10 % off.'),
        next: null,
      },
    },
  },
};

/** The statuses that a customer gets a message about, each with what it means to them. */
const LIFECYCLE = [
  ['verification', 'Order received', 'we have received your order and are reviewing it.'],
  ['preparing', 'Order accepted', 'your order was accepted and is being prepared.'],
  ['ready_for_pickup', 'Ready for pickup message', 'your order is ready for pickup.'],
  ['delivery_started', 'Out for delivery', 'your order is on its way.'],
  ['delivery_finished', 'Delivered', 'your order was delivered. Thank you!'],
] as const;

const lifecycle = LIFECYCLE.map(([status, name, text]): FlowTemplate => ({
  id: `order_${status}`,
  name: `Order lifecycle: ${name.toLowerCase()}`,
  description: `Tells a customer by SMS that their order has the status "${status}". The next status of the same order ends it.`,
  flow: {
    name: `Order lifecycle: ${name.toLowerCase()}`,
    triggers: [{ trait: 'cart_status_updated', status: [status] }],
    reentry: { rule: 'once', per: 'cart' },
    exit_on: [{ event: { trait: 'cart_status_updated' }, of: 'cart' }],
    start: 'tell',
    nodes: {
      tell: { type: 'sms', class: 'transactional', text: `${SENDER}: ${HELLO}, ${text}`, next: null },
    },
  },
}));

const readyForPickup: FlowTemplate = {
  id: 'ready_for_pickup',
  name: 'Ready for pickup',
  description:
    'Tells a customer that their order is ready for pickup, and reminds them after two hours unless it was picked up.',
  flow: {
    name: 'Ready for pickup',
    triggers: [{ trait: 'cart_status_updated', status: ['ready_for_pickup'] }],
    reentry: { rule: 'once', per: 'cart' },
    exit_on: [
      {
        event: {
          trait: 'cart_status_updated',
          status: ['finished', 'with_review', 'finished_without_review', 'cancelled', 'dismissed'],
        },
        of: 'cart',
      },
    ],
    start: 'tell',
    nodes: {
      tell: {
        type: 'sms',
        class: 'transactional',
        text: `${SENDER}: ${HELLO}, your order is ready for pickup{% if cart.store_name %} at {{ cart.store_name }}{% endif %}.`,
        next: 'pause',
      },
      pause: { type: 'wait', for: hours(2), next: 'remind' },
      remind: {
        type: 'sms',
        class: 'transactional',
        text: `${SENDER}: your order is still waiting to be picked up.`,
        next: null,
      },
    },
  },
};

const pickupReminder: FlowTemplate = {
  id: 'pickup_reminder',
  name: 'Pickup reminder',
  description: 'Reminds a customer by SMS an hour before the time for which they have reserved their pickup.',
  flow: {
    name: 'Pickup reminder',
    triggers: [
      {
        trait: 'cart_status_updated',
        status: ['ready_for_pickup'],
        time: { operator: 'in_next', amount: 60, unit: 'minutes' },
      },
    ],
    exit_on: [
      {
        event: { trait: 'cart_status_updated', status: ['ready_for_pickup', 'finished', 'cancelled', 'dismissed'] },
        of: 'cart',
      },
    ],
    start: 'remind',
    nodes: {
      remind: {
        type: 'sms',
        class: 'transactional',
        text: `${SENDER}: ${HELLO}, your pickup is in about an hour. See you soon!`,
        next: null,
      },
    },
  },
};

const winback: FlowTemplate = {
  id: 'cancelled_order_winback',
  name: 'Cancelled order winback',
  description:
    'Two hours after an order was cancelled by the customer, offers a discount by email; after one that the store cancelled, apologizes and offers help. A new order ends it.',
  flow: {
    name: 'Cancelled order winback',
    triggers: [{ trait: 'cart_status_updated', status: ['cancelled', 'dismissed'] }],
    reentry: { rule: 'after_exit', per: 'person', cooldown: days(7) },
    exit_on: [{ checkout: 'person' }],
    goal: { checkout: 'person', within: days(14) },
    start: 'pause',
    nodes: {
      pause: { type: 'wait', for: hours(2), next: 'who' },
      who: {
        type: 'split',
        trigger: { trait: 'cart_status_updated', status: ['dismissed'] },
        then: 'support',
        else: 'offer',
      },
      support: {
        type: 'email',
        class: 'marketing',
        subject: 'We are sorry about your order',
        html: html(
          'We had to cancel your order, and we are sorry. Reply to this email: we gladly help you find an alternative.',
        ),
        next: null,
      },
      offer: {
        type: 'email',
        class: 'marketing',
        subject: '10 % off your next order',
        html: html('You have cancelled your order. If you would like to try again, your next one is 10 % off.'),
        next: null,
      },
    },
  },
};

export const FLOW_TEMPLATES: readonly FlowTemplate[] = [
  abandonedCart,
  ...lifecycle,
  readyForPickup,
  pickupReminder,
  winback,
];
