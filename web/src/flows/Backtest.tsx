import { Button, SegmentedControl } from '@mantine/core';
import { IconPlayerPlay } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { Backtest as Played, SavedFlow } from '../data/api.ts';
import { Chart } from '../design/Chart.tsx';
import type { ChartOption } from '../design/chart-engine.ts';
import { nodeLabel, runPill } from '../design/flow-words.ts';
import { duration } from '../design/format.ts';
import { Pill } from '../design/Pill.tsx';
import { ErrorState, Notice } from '../design/states.tsx';
import { count, useNow } from '../design/time.ts';
import { counted } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { flowOf, useBacktest, type BacktestAsked } from './data.ts';
import { Definition } from './Definition.tsx';
import { ReportFigures, Reasons } from './Overview.tsx';
import { stepWords } from './step-words.ts';
import type { TabProps } from './tab.ts';

const DAYS = [1, 7, 30, 90] as const;
const DAYS_DEFAULT = 7;

/** What the flow would have done in the last days. */
export function Backtest({ saved, search, onShow }: TabProps) {
  const days = search.days ?? DAYS_DEFAULT;
  const [asked, setAsked] = useState<(BacktestAsked & { atMs: number }) | null>(null);
  const played = useBacktest(saved, asked === null ? null : { days: asked.days, number: asked.number });
  const busy = asked !== null && played.isFetching;
  const choices = [...new Set([...DAYS, days])].sort((a, b) => a - b);
  return (
    <div className="stack">
      <section className="panel" aria-labelledby="backtest-title">
        <header className="panel-head">
          <div>
            <h2 id="backtest-title">Back-test</h2>
            <p className="fine">
              Plays the trait events of the past through version {saved.version}, each at the time at which it happened.
              Nothing is sent, and nothing is kept.
            </p>
          </div>
        </header>
        <div className="flow-filters">
          <SegmentedControl
            size="xs"
            aria-label="Days that are played"
            disabled={busy}
            data={choices.map((value) => ({ value: String(value), label: counted(value, 'day', 'days') }))}
            value={String(days)}
            onChange={(value) => onShow({ ...search, days: Number(value) })}
          />
          <Button
            size="xs"
            leftSection={<IconPlayerPlay size={14} aria-hidden />}
            disabled={busy}
            onClick={() => setAsked({ days, number: (asked?.number ?? 0) + 1, atMs: Date.now() })}
          >
            Run the back-test
          </Button>
          {busy && (
            <Button size="xs" variant="default" onClick={() => setAsked(null)}>
              Stop
            </Button>
          )}
        </div>
        {busy && <Progress days={asked.days} fromMs={asked.atMs} />}
      </section>
      {!busy && played.error && <ErrorState what="The back-test failed" error={played.error} />}
      {!busy && played.data && <Result saved={saved} played={played.data} />}
    </div>
  );
}

/** The API answers when it is done, and back-tests of a workspace run one after the other. */
function Progress({ days, fromMs }: { days: number; fromMs: number }) {
  const nowMs = useNow();
  return (
    <p className="fine flow-progress" role="status" aria-live="off">
      Playing the last {counted(days, 'day', 'days')} for {duration(nowMs - fromMs)}. Back-tests of a workspace run one
      after the other.
    </p>
  );
}

const NOT_PLAYED: Readonly<Record<string, string>> = {
  activity: 'returning to a cart, which ends runs',
  in_next: 'triggers about what is expected to happen',
};

function Result({ saved, played }: { saved: SavedFlow; played: Played }) {
  const notPlayed = played.not_played.map((name) => NOT_PLAYED[name] ?? name);
  return (
    <div className="stack" data-testid="backtest">
      {notPlayed.length > 0 && (
        <Notice title="The past does not hold everything">Not played: {notPlayed.join('; ')}.</Notice>
      )}
      <ReportFigures report={played} hasGoal={false} />
      <ByDay days={played.by_day} />
      <Reasons report={played} />
      <section className="panel" aria-labelledby="backtest-nodes">
        <header className="panel-head">
          <h2 id="backtest-nodes">Nodes</h2>
        </header>
        <Definition flow={flowOf(saved)} counts={played.nodes} />
      </section>
      {played.runs.length > 0 && <PlayedRuns runs={played.runs} />}
    </div>
  );
}

function ByDay({ days }: { days: Played['by_day'] }) {
  const option = useMemo(
    (): ChartOption => ({
      legend: { show: true, top: 6, left: 0, itemWidth: 10, itemHeight: 10, icon: 'roundRect' },
      grid: { top: 44 },
      tooltip: { axisPointer: { type: 'shadow' }, valueFormatter: (value) => count(Number(value)) },
      xAxis: { type: 'category', data: days.map(({ day }) => day) },
      yAxis: { type: 'value', minInterval: 1 },
      series: [
        { type: 'bar', name: 'Runs started', data: days.map(({ entered }) => entered), barMaxWidth: 28 },
        { type: 'bar', name: 'Messages sent', data: days.map(({ sent }) => sent), barMaxWidth: 28 },
      ],
    }),
    [days],
  );
  if (days.length === 0) return null;
  return (
    <section className="panel">
      <h2>By day</h2>
      <Chart
        label="Runs started and messages sent by day, in the back-test"
        option={option}
        height={220}
        testId="backtest-days"
        table={{
          columns: ['Day', 'Runs started', 'Messages sent'],
          rows: days.map(({ day, entered, sent }) => [day, count(entered), count(sent)]),
        }}
      />
    </section>
  );
}

/** The API returns a hundred at most. */
function PlayedRuns({ runs }: { runs: Played['runs'] }) {
  return (
    <section className="panel" aria-labelledby="backtest-runs">
      <header className="panel-head">
        <div>
          <h2 id="backtest-runs">Runs</h2>
          <p className="fine">The first {counted(runs.length, 'run', 'runs')}, with their steps.</p>
        </div>
      </header>
      <ul className="flow-played">
        {runs.map((run) => (
          <PlayedRun key={run.id} run={run} />
        ))}
      </ul>
    </section>
  );
}

function PlayedRun({ run }: { run: Played['runs'][number] }) {
  const { label, tone } = runPill(run);
  return (
    <li>
      <details>
        <summary>
          <ZonedTime at={run.started_at} /> · person {run.person_id} · cart {run.cart_id}{' '}
          <Pill label={label} tone={tone} />
        </summary>
        <p className="fine">
          <Link to="/people/$id" params={{ id: run.person_id }} search={{ cart: run.cart_id }}>
            Show the person
          </Link>
        </p>
        <ol className="flow-played-steps">
          {run.steps.map(({ at, node, what, reason }, index) => {
            const { title, detail } = stepWords({ what, reason, amount: null });
            return (
              <li key={index}>
                <ZonedTime at={at} as="clock" /> {title}
                {node !== null && ` ${nodeLabel(node)}`}
                {detail !== null && `: ${detail}`}
              </li>
            );
          })}
        </ol>
      </details>
    </li>
  );
}
