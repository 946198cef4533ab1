/** What a template may use, and what it means. Absent values are null and render as nothing. */
export interface TemplateContext {
  person: {
    /** The first word of the name. */
    first_name: string | null;
    name: string | null;
    phone: string | null;
    email: string | null;
  };
  cart: {
    id: string;
    store_id: string | null;
    store_name: string | null;
    amount: number | null;
    mode: string | null;
    status: string | null;
    products: { product_id: string; count: number; price: number | null }[];
  };
  event: {
    trait: string;
    status: string | null;
    /** RFC 3339, UTC. */
    occurred_at: string;
  };
  workspace: { name: string };
  /** The run that the message belongs to. */
  run: { id: string; flow_id: string; version: number; node: string };
  unsubscribe_url: string | null;
  /** From the code pool of the message; null without one. */
  code: string | null;
}

/** The variables by name, with their members; null for a variable without members. */
export const VARIABLES: {
  readonly [K in keyof TemplateContext]: TemplateContext[K] extends object
    ? readonly (keyof TemplateContext[K] & string)[]
    : null;
} = {
  person: ['first_name', 'name', 'phone', 'email'],
  cart: ['id', 'store_id', 'store_name', 'amount', 'mode', 'status', 'products'],
  event: ['trait', 'status', 'occurred_at'],
  workspace: ['name'],
  run: ['id', 'flow_id', 'version', 'node'],
  unsubscribe_url: null,
  code: null,
};

/** The first word of a name; null without one. */
export function firstNameOf(name: string | null): string | null {
  return name?.trim().split(/\s+/)[0] || null;
}
