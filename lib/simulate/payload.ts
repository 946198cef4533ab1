import { amountOf, type CartPlan, type Step } from './story.ts';

/** Jane's way of writing a moment: UTC, no zone, whole seconds (`2021-06-21 21:41:20`). */
export function janeTime(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');
}

const MINUTE_MS = 60_000;

/** The body of the webhook that reports this step, in the form of Jane's documentation. */
export function renderWebhook(plan: CartPlan, step: Step): string {
  const { shopper } = plan;
  const shows = (...faces: Step['face'][]): boolean => faces.includes(step.face);
  const ordered = plan.checkedOutAtMs !== null && step.atMs >= plan.checkedOutAtMs;
  const cart = {
    id: plan.id,
    uuid: plan.uuid,
    status: step.status,
    amount: ordered ? plan.amountAtCheckout : amountOf(step.products ?? []),
    assigned_employee_id: step.employee === null ? null : step.employee.length * 11,
    assigned_employee_name: step.employee,
    assigned_manager_id: null,
    assigned_manager_name: null,
    created_at: janeTime(plan.createdAtMs),
    checked_out_time: ordered ? janeTime(plan.checkedOutAtMs!) : null,
    checkout_message: '',
    promo_code: plan.promoCode,
    queue_number: ordered ? plan.queueNumber : null,
    customer_name: step.face === 'none' ? null : shopper.name,
    customer_phone_number: shows('phone', 'both') ? shopper.phone : null,
    customer_email_address: shows('email', 'both') ? shopper.email : null,
    pos_order_id: null,
    rating: step.rating,
    reservation_mode: plan.mode,
    reservation_start_window: ordered ? janeTime(plan.checkedOutAtMs! + 45 * MINUTE_MS) : null,
    store_id: plan.store.id,
    store_name: plan.store.name,
    tags: {},
    user_id: shows('account') ? shopper.userId : null,
    external_user_id: shows('account', 'both') ? shopper.externalId : null,
    external_user_source: shows('account', 'both') && shopper.externalId !== null ? 'loyalty' : null,
    updated_at_time: janeTime(step.atMs),
    ...(step.products === null ? {} : { products: step.products }),
  };
  return JSON.stringify({ cart });
}
