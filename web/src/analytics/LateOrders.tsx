import { Button, CloseButton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { duration } from '../design/format.ts';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { capitalised, money, statusLabel } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { lateAudience } from './board.ts';
import { useLateOrders, type BoardAsked, type BoardCart } from './data.ts';

interface LateOrdersProps {
  status: string;
  asked: BoardAsked;
  /** The time of the board. */
  atMs: number;
}

/** The orders behind a number of the board. */
export function LateOrders({ status, asked, atMs }: LateOrdersProps) {
  const orders = useLateOrders(status, asked);
  const heading = useRef<HTMLHeadingElement>(null);
  // The list appears below the cards: it is brought into view, and a screen reader continues there.
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: 'nearest' });
  }, [status]);
  const items = orders.data?.pages.flatMap((page) => page.items) ?? [];
  const label = statusLabel(status);
  return (
    <section className="panel late-orders" aria-labelledby="late-orders" data-testid="late-orders">
      <div className="panel-head">
        <div>
          <h2 id="late-orders" ref={heading} tabIndex={-1}>
            {label} for over {duration(asked.overMinutes * 60_000)}
          </h2>
          <p className="fine">
            The longest wait first.{' '}
            <Link to="/audiences/new" search={{ text: lateAudience(status, asked.overMinutes, asked.stores) }}>
              Make an audience of these people
            </Link>
          </p>
        </div>
        <Link
          from="/analytics/board"
          search={({ status: _closed, ...rest }) => rest}
          replace
          resetScroll={false}
          aria-label="Close the list"
        >
          <CloseButton component="span" aria-hidden tabIndex={-1} />
        </Link>
      </div>
      {orders.error && !orders.data && (
        <ErrorState what="Cannot load these orders" error={orders.error} onRetry={() => void orders.refetch()} />
      )}
      {orders.isPending && <LoadingState what="Loading the orders" />}
      {orders.data && items.length === 0 && <EmptyState title="None at the moment">All have moved on.</EmptyState>}
      {items.length > 0 && (
        <div className="table-scroll" tabIndex={0} role="region" aria-label={`${label} orders`}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Order</th>
                <th scope="col">Waiting</th>
                <th scope="col">Person</th>
                <th scope="col">Store</th>
                <th scope="col">Mode</th>
                <th scope="col" className="number">
                  Amount
                </th>
                <th scope="col">Since</th>
              </tr>
            </thead>
            <tbody>
              {items.map((cart) => (
                <LateOrder key={cart.cart_id} cart={cart} atMs={atMs} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {orders.hasNextPage && (
        <Button
          variant="default"
          size="xs"
          loading={orders.isFetchingNextPage}
          onClick={() => void orders.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </section>
  );
}

function LateOrder({ cart, atMs }: { cart: BoardCart; atMs: number }) {
  return (
    <tr>
      <th scope="row">
        <Link to="/people/$id" params={{ id: cart.person_id }} search={{ cart: cart.cart_id }}>
          {cart.cart_id}
        </Link>
      </th>
      <td>{cart.status_since !== null && duration(atMs - Date.parse(cart.status_since))}</td>
      <td>
        <Link to="/people/$id" params={{ id: cart.person_id }}>
          {cart.name ?? `Person ${cart.person_id}`}
        </Link>
      </td>
      <td>{cart.store_name ?? (cart.store_id === null ? '–' : `Store ${cart.store_id}`)}</td>
      <td>{cart.mode === null ? '–' : capitalised(cart.mode)}</td>
      <td className="number">{cart.amount === null ? '–' : money(cart.amount)}</td>
      <td>{cart.status_since !== null && <ZonedTime at={cart.status_since} />}</td>
    </tr>
  );
}
