import { useEffect, useRef } from 'react';
import { duration } from '../design/format.ts';
import { capitalised, counted, money, statusLabel, toneOf } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { anomalyWords, isOrder, type Order, type PersonCart, type Step } from './timeline.ts';

interface OrderCardProps {
  order: Order;
  withRetracted: boolean;
  /** The address names this cart: it is brought into view. */
  isWanted: boolean;
}

/** One cart or order: where it is now, what is in it, and what happened, from its beginning. */
export function OrderCard({ order, withRetracted, isWanted }: OrderCardProps) {
  const { cart, cartId } = order;
  const steps = withRetracted ? order.steps : order.steps.filter(({ retractedMs }) => retractedMs === null);
  const element = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isWanted) element.current?.scrollIntoView({ block: 'center' });
  }, [isWanted]);
  const name = `${isOrder(order) ? 'Order' : 'Cart'} ${cartId}`;
  return (
    <article
      ref={element}
      className="panel order"
      aria-label={name}
      data-wanted={isWanted || undefined}
      data-testid={`cart-${cartId}`}
    >
      <header className="order-head">
        <h3>{name}</h3>
        {cart && <Standing cart={cart} />}
        {cart?.amount !== null && cart !== null && <span className="order-amount">{money(cart.amount)}</span>}
      </header>
      {cart && <Facts cart={cart} />}
      {steps.length > 0 && (
        <ol className="order-steps">
          {steps.map((step) => (
            <StepRow key={step.id} step={step} all={order.steps} />
          ))}
        </ol>
      )}
      {cart && <WhatNext cart={cart} />}
      {cart && cart.products.length > 0 && <Products products={cart.products} />}
    </article>
  );
}

/** Where the cart is now. */
function Standing({ cart }: { cart: PersonCart }) {
  const { status, abandoned_at, recovered_at } = cart;
  if (status !== null)
    return (
      <span className="pill" data-tone={toneOf('cart_status_updated', status)}>
        {statusLabel(status)}
      </span>
    );
  if (abandoned_at !== null && recovered_at === null)
    return (
      <span className="pill" data-tone="left">
        Abandoned
      </span>
    );
  return <span className="pill">Open cart</span>;
}

function Facts({ cart }: { cart: PersonCart }) {
  const { store_name, store_id, mode, reservation_start_window } = cart;
  const store = store_name ?? (store_id === null ? null : `Store ${store_id}`);
  const parts = [store, mode === null ? null : capitalised(mode)].filter((part) => part !== null);
  return (
    <p className="fine order-facts">
      {parts.join(' · ')}
      {reservation_start_window !== null && (
        <>
          {parts.length > 0 && ' · '}
          reserved for <ZonedTime at={reservation_start_window} />
        </>
      )}
    </p>
  );
}

/** What happens by time alone. */
function WhatNext({ cart }: { cart: PersonCart }) {
  if (cart.due_at === null) return null;
  return (
    <p className="fine">
      Counts as abandoned on <ZonedTime at={cart.due_at} /> if nothing else happens.
    </p>
  );
}

function Products({ products }: Pick<PersonCart, 'products'>) {
  return (
    <details className="products">
      <summary>{counted(products.length, 'product', 'products')}</summary>
      <ul>
        {products.map(({ product_id, count, price }) => (
          <li key={product_id}>
            <span>
              {count} × <code>{product_id}</code>
            </span>
            {price !== null && <span className="products-price">{money(price)}</span>}
          </li>
        ))}
      </ul>
    </details>
  );
}

const stepLabel = ({ trait, status }: Pick<Step, 'trait' | 'status'>): string =>
  trait === 'cart_abandoned' ? 'Abandoned' : statusLabel(status);

function StepRow({ step, all }: { step: Step; all: readonly Step[] }) {
  const { trait, status, atMs, retractedMs } = step;
  return (
    <li className="step" data-tone={toneOf(trait, status)} data-retracted={retractedMs === null ? undefined : true}>
      <span className="step-dot" aria-hidden="true" />
      <span className="step-what">
        {retractedMs === null ? <strong>{stepLabel(step)}</strong> : <s>{stepLabel(step)}</s>}
        {step.stayMs !== null && <span className="step-stay">for {duration(step.stayMs)}</span>}
        <Remarks step={step} all={all} />
      </span>
      <span className="step-when">
        <ZonedTime at={atMs} />
      </span>
    </li>
  );
}

/** What is unusual about a step. */
function Remarks({ step, all }: { step: Step; all: readonly Step[] }) {
  const { anomaly, reentered, source, recoveredMs, retractedMs, replacedBy } = step;
  const replacement = all.find(({ id }) => id === replacedBy);
  return (
    <>
      {retractedMs !== null && (
        <span className="step-remark" data-tone="off">
          retracted on <ZonedTime at={retractedMs} />: later input showed otherwise
          {replacement && (
            <>
              ; replaced by {stepLabel(replacement)} at <ZonedTime at={replacement.atMs} as="clock" />
            </>
          )}
        </span>
      )}
      {retractedMs === null && recoveredMs !== null && (
        <span className="step-remark" data-tone="done">
          ordered afterwards, on <ZonedTime at={recoveredMs} />
        </span>
      )}
      {source === 'jane' && <span className="step-remark">reported by Jane</span>}
      {reentered && <span className="step-remark">had this status before</span>}
      {anomaly !== null && (
        <span className="step-remark" data-tone="left">
          unexpected: {anomalyWords(anomaly)}
        </span>
      )}
    </>
  );
}
