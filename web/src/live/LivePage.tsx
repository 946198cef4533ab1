import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useSession } from '../app/session.ts';
import { Board } from './Board.tsx';
import { useEvents, useFreshCounts } from './data.ts';
import { Events } from './Events.tsx';
import { Hero } from './Hero.tsx';
import { Pipeline } from './Pipeline.tsx';
import './live.css';

export function LivePage() {
  const events = useEvents();
  useFreshCounts();
  const nothingYet = events.data?.items.length === 0;
  return (
    <div className="live">
      <div className="live-main">
        {nothingYet ? <FirstSteps /> : <Hero />}
        <Pipeline />
        <Board />
      </div>
      <Events />
    </div>
  );
}

/** Shown until the first webhook arrives. */
function FirstSteps() {
  const { workspace } = useSession();
  return (
    <section className="first panel" aria-labelledby="first-title">
      <h1 id="first-title">No carts yet</h1>
      <ol>
        <li>
          <strong>Create a subscription</strong> here to get a URL, a token and a secret.
        </li>
        <li>
          <strong>Paste them into Jane</strong>, where you register webhooks for your store or account.
        </li>
        <li>
          <strong>Watch this page.</strong> The first cart appears within two seconds of its webhook.
        </li>
      </ol>
      <div className="first-ways">
        <Button component={Link} to="/operate/subscriptions">
          Create a subscription
        </Button>
        <p className="fine">
          Or try it with simulated carts: <code>npm run simulate -- --workspace {workspace.id} --live</code>
        </p>
      </div>
    </section>
  );
}
